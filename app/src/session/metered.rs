//! Whether the network costs by amount, as the system tells it.

use tokio::sync::watch;

use super::sharing::Metered;

/// What the system says, now and whenever that changes; [`Metered::Unknown`] for as long as it says nothing.
///
/// Linux: the `Metered` property of NetworkManager. Windows and macOS tell it to packaged apps in ways of their own, which are
/// not asked: there the person says it in the settings.
pub fn follow() -> watch::Receiver<Metered> {
    let (tell, told) = watch::channel(Metered::Unknown);
    #[cfg(target_os = "linux")]
    tokio::spawn(async move {
        if let Err(error) = network_manager::follow(&tell).await {
            tracing::debug!(%error, "nobody tells whether the network is metered");
        }
    });
    // Without a sender the value stays as it is.
    #[cfg(not(target_os = "linux"))]
    drop(tell);
    told
}

#[cfg(target_os = "linux")]
mod network_manager {
    use futures::StreamExt;
    use tokio::sync::watch;

    use super::Metered;

    /// Follows the property until NetworkManager or the listener is gone.
    pub(super) async fn follow(tell: &watch::Sender<Metered>) -> zbus::Result<()> {
        let bus = zbus::Connection::system().await?;
        let (name, path) = ("org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager");
        let proxy = zbus::Proxy::new(&bus, name, path, name).await?;
        let mut changes = proxy.receive_property_changed::<u32>("Metered").await;
        tell.send_replace(meaning(proxy.get_property("Metered").await?));
        loop {
            tokio::select! {
                () = tell.closed() => return Ok(()),
                change = changes.next() => match change {
                    Some(change) => {
                        tell.send_replace(meaning(change.get().await?));
                    }
                    None => return Ok(()),
                },
            }
        }
    }

    /// NMMetered: 1 and 2 are certain, 3 and 4 guessed from the kind of network.
    fn meaning(metered: u32) -> Metered {
        match metered {
            1 | 3 => Metered::Yes,
            2 | 4 => Metered::No,
            _ => Metered::Unknown,
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn guesses_count_and_what_is_unknown_stays_so() {
            use Metered::{No, Unknown, Yes};
            assert_eq!([0, 1, 2, 3, 4, 5].map(meaning), [Unknown, Yes, No, Yes, No, Unknown]);
        }
    }
}
