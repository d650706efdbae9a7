#!/usr/bin/env bash
# A topup from the request to the approval, with curl. Needs a running server and two tokens:
#   URL=http://localhost:3000 USER_TOKEN=… ADMIN_TOKEN=… examples/curl/topup.sh
set -euo pipefail
: "${URL:=http://localhost:3000}"
: "${USER_TOKEN:?the token of a user is required}" "${ADMIN_TOKEN:?the token of an admin is required}"

field() { node -pe "JSON.parse(require('fs').readFileSync(0, 'utf8')).$1"; }
ask() { # ask TOKEN METHOD PATH [curl arguments]
  curl --silent --show-error --fail-with-body -X "$2" "$URL$3" -H "Authorization: Bearer $1" \
    -H 'Content-Type: application/json' "${@:4}"
}

echo "Balance before: $(ask "$USER_TOKEN" GET /transactions/balance/cached | field balance)"

# The key belongs only to this request. It is safe to repeat the call with it.
topup=$(ask "$USER_TOKEN" POST /transactions/topup -H "Idempotency-Key: topup-$$-$RANDOM" \
  -d '{"amount": 50, "description": "From my card"}' | field id)
echo "Requested topup $topup"

approve() {
  ask "$ADMIN_TOKEN" PATCH "/transactions/topup/$topup/process" \
    -H "Idempotency-Key: approve-$topup" -d '{"status": "success"}'
}
echo "Approved: $(approve | field status)"
echo "Approved again, which moves no money: $(approve | field status)"

echo "Balance after: $(ask "$USER_TOKEN" GET /transactions/balance/cached | field balance)"
