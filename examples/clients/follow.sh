#!/bin/sh
# Reads the pools once a second with the key in a file: follow.sh URL KEY_FILE [TIMES]
set -eu

[ $# -ge 2 ] || { echo "usage: follow.sh URL KEY_FILE [TIMES]" >&2; exit 2; }
url=$1 file=$2 times=${3:-0}
pause=$(printf '%d.%03d' $((${PAUSE_MS:-1000} / 1000)) $((${PAUSE_MS:-1000} % 1000)))
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# Reads the key anew each time, which costs nothing, and sets $status. The key goes to curl through a pipe: arguments
# can be seen by every user of the machine.
ask() {
    key=
    IFS= read -r key <"$file" || [ -n "$key" ]
    status=$(printf 'x-api-key: %s\n' "$key" | curl --silent --show-error --max-time 30 --header @- \
        --dump-header "$folder/headers" --output "$folder/body" --write-out '%{http_code}' "$url/v1/pools")
}

wants_another_key() {
    [ "$status" = 401 ] && grep -Eq '"code": ?"key_(ended|revoked|expired|unknown)"' "$folder/body"
}

round=1
while :; do
    ask
    if wants_another_key; then
        refused=$key
        IFS= read -r key <"$file" || [ -n "$key" ]
        [ "$key" = "$refused" ] || ask
    fi
    if [ "$status" != 200 ]; then
        echo "$status: $(cat "$folder/body")" >&2
        exit 1
    fi
    if grep -iq '^accrual-key-state: ending' "$folder/headers"; then
        echo "this key is ending: put the next one into $file" >&2
    fi
    echo "$round $status"
    [ "$round" != "$times" ] || exit 0
    round=$((round + 1))
    sleep "$pause"
done
