#!/bin/sh
# Runs once, when the database is made: a user and a database for each of Temporal and Mainstay.
set -eu
for name in temporal mainstay; do
  case $name in
    temporal) password=$TEMPORAL_DB_PASSWORD ;;
    mainstay) password=$MAINSTAY_DB_PASSWORD ;;
  esac
  psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --set name="$name" --set password="$password" <<'SQL'
CREATE USER :"name" WITH PASSWORD :'password' CREATEDB;
CREATE DATABASE :"name" OWNER :"name";
SQL
done
