-- Nobody appears from nowhere: clients at the end are those of the start, plus gained, minus lost.
select
    metric_key,
    clients_at_start,
    new_clients,
    reactivated_clients,
    churned_clients,
    clients_at_end
from {{ ref('metric_retention') }}
where clients_at_end <> clients_at_start + new_clients + reactivated_clients - churned_clients
