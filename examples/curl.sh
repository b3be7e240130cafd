#!/bin/sh
# The first event and the first statement, by curl. Safe to run again: nothing is counted twice.
#
#   BASE_URL=http://127.0.0.1:3000 API_KEY=… sh examples/curl.sh
set -eu
: "${BASE_URL:=http://127.0.0.1:3000}"
: "${API_KEY:?is missing: npm start prints one at its first start}"

# call METHOD PATH [BODY]: shows the call and its answer, and stops the script on an error.
call() {
  printf '\n> %s %s %s\n' "$1" "$2" "${3-}"
  curl --silent --show-error --fail-with-body -X "$1" "$BASE_URL$2" \
    -H "Authorization: Bearer $API_KEY" ${3+-H 'Content-Type: application/json' -d "$3"}
  echo
}

event='{"usage_event_id":"req-1","customer_id":"acme","meter":"tokens","quantity":"120.5","occurred_at":"2026-01-15T12:00:00Z"}'

call PUT /v1/meters/tokens '{"aggregation":"sum"}'
call POST /v1/usage-events "$event"
call POST /v1/usage-events "$event"
call GET '/v1/usage?meter=tokens&customer_id=acme&window=period'
call POST /v1/period-closes '{}'
call GET '/v1/customers/acme/billing-periods/2026-01-01T00:00:00Z?meter=tokens'
