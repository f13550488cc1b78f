#!/bin/sh
# Runs as root in the device lab's guest: sets up camera, sound card and a bad network, then calls each check.
# The folder it runs in holds the device-lab program and a recorded broadcast.
# Arguments choose groups of checks: camera, sound, network.
set -u
failed=0
groups=" $* "
wanted() { case "$groups" in *" $1 "*) return 0 ;; *) return 1 ;; esac; }
check() { ./device-lab "$@" || failed=$((failed + 1)); }

if wanted camera; then
# Camera: vivid as a webcam, 640x360 at up to 30 pictures a second.
modprobe vivid n_devs=1 num_inputs=1 input_types=0x00 node_types=0x1
check camera
check camera-unplugged
fi

if wanted sound; then
# Sound: what is played into one end of the card comes out of the other.
modprobe snd-aloop
for rate in 44100 48000; do
  check speaker $rate
  check microphone $rate
done
fi

wanted network || exit $failed

# Network: two hosts, 40 ms of delay each way, 5 ms of jitter, 2 % loss.
modprobe veth
modprobe sch_netem
for host in a b; do ip netns add $host; done
ip link add veth-a netns a type veth peer name veth-b netns b
ip -n a addr add 10.9.0.1/24 dev veth-a
ip -n b addr add 10.9.0.2/24 dev veth-b
for host in a b; do
  ip -n $host link set lo up
  ip -n $host link set veth-$host up
  tc -n $host qdisc add dev veth-$host root netem delay 40ms 5ms loss 2%
done
# The broadcast was made on the host; four seconds from the guest's now it happens again.
start=$(($(date +%s) + 4 - $(cat broadcast.start)))
ip netns exec a ./device-lab publish broadcast.bin 10.9.0.1 $start &
publisher=$!
ip netns exec b ./device-lab watch broadcast.bin 10.9.0.1 $start || failed=$((failed + 1))
wait $publisher || failed=$((failed + 1))
tc -n a -s qdisc show dev veth-a | sed -n 's/.*\(dropped [0-9]*\).*/ok   network: \1 packets by the network/p'
exit $failed
