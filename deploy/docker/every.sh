#!/bin/sh
# A run, a pause, and so on for ever. A stop of the container stops what is going on, which a shell
# would not hear of while it waits for a command in the foreground.
trap 'kill -TERM "$child" 2> /dev/null; wait "$child"; exit 143' TERM INT
while :; do
    crm-effect run &
    child=$!
    wait "$child"
    sleep "$CRM_EVERY" &
    child=$!
    wait "$child"
done
