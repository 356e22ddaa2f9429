#!/bin/sh
# Makes the namespace and the search attributes that Mainstay writes. Every step may be repeated.
set -eu
until temporal operator cluster health; do sleep 2; done
temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention 720h
for name in IncidentId IncidentKey Title Severity Service Team Phase Commander Room; do
  temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$name" --type Keyword || true
done
temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name NeedsApproval --type Bool || true
