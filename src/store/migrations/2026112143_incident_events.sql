-- What was seen and tried while an incident is open, in order. Restarts are counted here, so that their bound holds for
-- whoever tries and survives the process that tried.
create table incident_event (
    incident_id text not null references incident (id) on delete cascade,
    seq bigint not null,
    at bigint not null,
    kind text not null,
    words text not null,
    primary key (incident_id, seq)
);
