//! A small internet of network namespaces: a backbone, hosts on it, and homes behind routers that translate addresses.
//!
//! The namespaces have no names: each lasts as long as something is in it, so that nothing is left behind however a test
//! ends.

use std::{
    fs::File,
    io::{self, Write as _},
    process::Command,
    sync::mpsc,
};

use nix::sched::{CloneFlags, setns, unshare};
use runnel_p2p::node::{Node, NodeConfig};
use tokio::sync::oneshot;

use super::fixture::Actor;

/// What a home's router does beside masquerading; from outside nothing gets in that was not asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Router {
    /// Keeps the port wherever a packet goes, so that a peer finds the way in through which the server was spoken to.
    Cone,
    /// Draws another port for each destination.
    Symmetric,
    /// Like a cone, but lets no UDP through.
    NoUdp,
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).unwrap();
}

/// A network namespace.
pub(crate) struct Space {
    namespace: File,
    /// A thread that stays inside; tools name the namespace by it.
    thread: String,
    _stay: mpsc::Sender<()>,
}

impl Space {
    fn new() -> io::Result<Self> {
        let (tell, told) = mpsc::channel();
        let (stay, leave) = mpsc::channel::<()>();
        thread("namespace", move || {
            let made = unshare(CloneFlags::CLONE_NEWNET).map_err(io::Error::from);
            let made = made
                .and_then(|()| Ok((File::open("/proc/thread-self/ns/net")?, std::fs::read_link("/proc/thread-self")?)));
            let _ = tell.send(made);
            // Until the other end is dropped.
            let _ = leave.recv();
        });
        let (namespace, thread) = told.recv().map_err(io::Error::other)??;
        let thread = thread.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { namespace, thread, _stay: stay })
    }

    /// Does something inside.
    fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            setns(&self.namespace, CloneFlags::CLONE_NEWNET).unwrap();
            work()
        };
        std::thread::scope(|scope| scope.spawn(inside).join().unwrap())
    }

    /// Runs commands inside; each must succeed.
    fn run(&self, script: &str) {
        let output = self.enter(|| Command::new("sh").args(["-euxc", script]).output()).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// How many bytes left by an interface so far.
    fn sent(&self, interface: &str) -> u64 {
        let all = self.enter(|| std::fs::read_to_string("/proc/thread-self/net/dev")).unwrap();
        let line = all.lines().find_map(|line| line.trim().strip_prefix(&format!("{interface}:"))).unwrap();
        line.split_whitespace().nth(8).unwrap().parse().unwrap()
    }
}

/// Something with an address, in which a node can run.
pub(crate) struct Host {
    space: Space,
    /// What ends the runtimes of its nodes.
    running: Vec<oneshot::Sender<()>>,
}

impl Host {
    /// Starts a node here, in a thread of its own.
    pub(crate) async fn start(&mut self, config: NodeConfig) -> Actor {
        let namespace = self.space.namespace.try_clone().unwrap();
        let (running, end) = oneshot::channel::<()>();
        let (tell, started) = oneshot::channel();
        let role = config.role;
        thread("node", move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let _ = tell.send(Node::start(config));
                let _ = end.await;
            });
        });
        self.running.push(running);
        let (node, events) = started.await.unwrap().unwrap();
        Actor::of(role, node, events).await
    }

    /// How many bytes it sent so far, of whatever kind.
    pub(crate) fn sent(&self) -> u64 {
        self.space.sent("net")
    }
}

/// A backbone.
pub(crate) struct Internet {
    backbone: Space,
    links: u8,
    /// The routers of all homes.
    routers: Vec<Space>,
}

impl Internet {
    /// Nothing where this machine does not let us: that is said aloud, past the test harness, which keeps quiet otherwise.
    pub(crate) fn new() -> Option<Self> {
        let missing =
            |tool: &str| Command::new(tool).arg("-V").output().is_err().then(|| format!("{tool} is not installed"));
        let backbone = match missing("ip").or_else(|| missing("nft")) {
            Some(missing) => Err(missing),
            None => Space::new().map_err(|e| format!("no network namespace: {e}")),
        };
        match backbone {
            Ok(backbone) => {
                backbone.run("ip link add backbone type bridge; ip link set backbone up");
                Some(Self { backbone, links: 0, routers: Vec::new() })
            }
            Err(why) => {
                let _ = writeln!(io::stderr(), "SKIPPED a test of address translation (it needs root on Linux): {why}");
                None
            }
        }
    }

    /// Puts a namespace on the backbone.
    fn join(&mut self, space: &Space, address: &str, interface: &str) {
        self.links += 1;
        let (n, thread) = (self.links, &space.thread);
        self.backbone.run(&format!(
            "ip link add link{n} type veth peer name {interface} netns {thread}
             ip link set link{n} master backbone up"
        ));
        space
            .run(&format!("ip link set lo up; ip address add {address}/8 dev {interface}; ip link set {interface} up"));
    }

    /// A host with a public address.
    pub(crate) fn host(&mut self, address: &str) -> Host {
        let space = Space::new().unwrap();
        self.join(&space, address, "net");
        Host { space, running: Vec::new() }
    }

    /// A host with the address 10.`network`.0.2 behind a router.
    pub(crate) fn home(&mut self, address: &str, network: u8, router: Router) -> Host {
        let (outside, inside) = (Space::new().unwrap(), Space::new().unwrap());
        self.join(&outside, address, "wan");
        let random = if router == Router::Symmetric { "fully-random" } else { "" };
        let no_udp = if router == Router::NoUdp { "meta l4proto udp drop" } else { "" };
        outside.run(&format!(
            "ip link add lan type veth peer name net netns {thread}
             ip address add 10.{network}.0.1/24 dev lan; ip link set lan up
             echo 1 >/proc/sys/net/ipv4/ip_forward
             nft -f - <<'END'
             table ip nat {{
                 chain out {{ type nat hook postrouting priority srcnat; oifname wan masquerade {random}; }}
             }}
             table ip filter {{
                 chain local {{ type filter hook input priority filter; iifname wan ct state new drop; }}
                 chain passing {{
                     type filter hook forward priority filter;
                     {no_udp}
                     iifname wan ct state new drop;
                 }}
             }}
END",
            thread = inside.thread
        ));
        inside.run(&format!(
            "ip link set lo up; ip address add 10.{network}.0.2/24 dev net; ip link set net up
             ip route add default via 10.{network}.0.1"
        ));
        self.routers.push(outside);
        Host { space: inside, running: Vec::new() }
    }
}
