#!/bin/sh
# Makes or updates Temporal's two databases. Every step may be repeated.
set -eu
tool() {
  database=$1
  shift
  temporal-sql-tool --plugin postgres12 --endpoint "$POSTGRES_HOST" --port 5432 \
    --user temporal --database "$database" "$@"
}
export SQL_PASSWORD="$POSTGRES_PASSWORD"
for pair in temporal:temporal temporal_visibility:visibility; do
  database=${pair%%:*}
  tool "$database" create-database || true
  tool "$database" setup-schema --version 0.0 || true
  tool "$database" update-schema --schema-dir "/etc/temporal/schema/postgresql/v12/${pair##*:}/versioned"
done
