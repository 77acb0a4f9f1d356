# Boots systemd in a directory: the container's outermost process, PID 1 of a separate PID namespace, in
# separate mount, network, UTS and cgroup namespaces. When it is killed, all processes below it end too.
#   sh boot.sh ROOTFS BASE [HERE:THERE]...    (stdin: a line = network is there, boot)
# HERE:THERE: a directory of this machine to be seen in the container, read-only.
# ROOTFS is never written to; what the container writes lies in a tmpfs over BASE and goes with the namespace.
set -eu
rootfs=$1 base=$2
shift 2
for bind; do
  set -- "$@" "--bind-ro=$bind"
  shift
done

# nspawn keeps its locks below /run; the machine's own /run stays untouched.
mount -t tmpfs tmpfs /run
# systemd in the container wants the unified hierarchy. Where the machine has cgroup v1 beside an empty v2 (hybrid), only
# v2 is shown here: units work, but limits of the controllers that v1 holds (memory, cpu) are set without effect.
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup

mount -t tmpfs tmpfs "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay overlay -o "lowerdir=$rootfs,upperdir=$base/upper,workdir=$base/work" "$base/root"
echo mounted
read -r _

rebooted=133 # nspawn --keep-unit: "start me again"
code=$rebooted
while [ "$code" -eq "$rebooted" ]; do
  code=0
  systemd-nspawn --directory="$base/root" --boot --register=no --keep-unit --link-journal=no \
    --machine=warmbox-test "$@" \
    --network-namespace-path=/proc/self/ns/net --resolv-conf=off --timezone=off --console=read-only \
    systemd.log_color=0 </dev/null || code=$?
done
exit "$code"
