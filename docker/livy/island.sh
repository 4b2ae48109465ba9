#!/bin/sh
# One island with its Livy, as a container runs it. The first start makes an archipelago (ROLE=first) and leaves one ticket for each
# name in GUESTS, or joins with the ticket of its own name; later starts go on with what is there.
#   NAME    the island, and the name of its machine in the network
#   ROLE    first or guest           GUESTS   names of those that will join, for the first
#   PEER_PORT, WEB_PORT, LIVY_PORT   by default 9410, 9411, 8998
set -eu
: "${NAME:?}" "${ROLE:=guest}" "${GUESTS:=}" "${ARCHIPEL_DATA_DIR:?}" "${TICKETS:=/tickets}" "${DATA:=/data}"
: "${PEER_PORT:=9410}" "${WEB_PORT:=9411}" "${LIVY_PORT:=8998}" "${LISTEN_HOST:=0.0.0.0}" "${ADDRESS:=/dns4/$NAME}"
export ARCHIPEL_DATA_DIR
run_dir="${ARCHIPEL_LIVY_RUN_DIR:-$HOME/livy}"
archipel() { node src/node/cli/main.ts "$@"; }

# A container that was killed leaves a note of a server that is not there any more; `up` looks before it starts one.
node docker/livy/main.ts up --port "$LIVY_PORT" --run "$run_dir" --data "$DATA"

trap 'node docker/livy/main.ts down --run "$run_dir"' EXIT

if [ ! -e "$ARCHIPEL_DATA_DIR/archipelago.json" ]; then
  if [ "$ROLE" = first ]; then archipel create sky --name "$NAME"
  else
    echo "waiting for a ticket"
    until [ -s "$TICKETS/$NAME" ]; do sleep 1; done
  fi
fi

set -- --listen "/ip4/$LISTEN_HOST/tcp/$PEER_PORT" --announce "$ADDRESS/tcp/$PEER_PORT" --web-port "$WEB_PORT" \
  --set "web.host=$LISTEN_HOST" --set "web.hosts=$NAME" --set "livy.url=http://127.0.0.1:$LIVY_PORT" ${SETTINGS:-}
if [ ! -e "$ARCHIPEL_DATA_DIR/archipelago.json" ]; then
  archipel join --file "$TICKETS/$NAME" --name "$NAME" --no-up "$@"
fi
# Not through the function: the signals are for the island itself.
node src/node/cli/main.ts up --name "$NAME" "$@" &
island=$!
trap 'kill -TERM $island 2>/dev/null; wait $island || true; exit 0' TERM INT

ready() { node -e "fetch('http://127.0.0.1:$WEB_PORT/readyz').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"; }
until ready; do
  kill -0 "$island" || { wait "$island"; exit 1; }
  sleep 1
done
for guest in $GUESTS; do
  # Written beside and moved, so that nobody reads half of it.
  [ -e "$TICKETS/$guest" ] || { archipel invite --local --quiet > "$TICKETS/.$guest" && mv "$TICKETS/.$guest" "$TICKETS/$guest"; }
done
wait "$island"
