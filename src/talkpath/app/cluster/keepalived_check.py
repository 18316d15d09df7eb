"""The script that keepalived calls to hear whether this node lives (`talkpath keepalived` writes it).

In sh, because it runs for as long as keepalived does and Python takes longer to start than a takeover may last.
keepalived calls it with whole seconds between, so it watches for the most of them and says at once when the node is
gone: the kernel gives a lock away in the instant in which its process dies. A process that stands still (SIGSTOP) is
seen by its state within two tenths, one that hangs by its beat. Times are those of /proc/uptime, which nobody sets.
"""

# Seconds between two calls of the script, and how long it may take; keepalived knows whole ones only.
EVERY_S = 3
PATIENCE_S = 9
#: A beat of the node that is older means that it hangs.
HANGS_S = 5

CHECK = f"""#!/bin/sh
# Written by `talkpath keepalived`. talkpath-check FILE ADDRESS...: 0 while the node that beats in FILE may have them.
file=$1
shift
now() {{ read -r up _ </proc/uptime && up=${{up%.*}}${{up#*.}}; }}
now || exit 1
end=$((up + {EVERY_S * 100 - 40}))
while :; do
    [ -f "$file" ] || exit 1
    # Who gets the lock sees a node that is gone; 9 is one that still has it.
    flock -E 9 -s -w 0.2 "$file" true
    [ $? -eq 9 ] || exit 1
    read -r pid beat unwanted <"$file" || exit 1
    read -r state <"/proc/$pid/stat" || exit 1
    case ${{state##*) }} in [TtXZ]*) exit 1 ;; esac
    now
    [ $((up / 100 - beat)) -le {HANGS_S} ] || exit 1
    for address; do
        case " $unwanted " in *" $address "*) exit 1 ;; esac
    done
    [ "$up" -lt "$end" ] || exit 0
done
"""
