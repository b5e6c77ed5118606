-- What people are to be told. A notice is written with the change it is about, and owed until it was handed out to whoever
-- is told; from then on each of them has a delivery of their own, with the message's id once it is there.
create table notice (
    id text primary key not null,
    kind text not null,
    urgency text not null,
    subject text not null,
    run_id text,
    ask_id text,
    incident_id text,
    project_id text,
    handed_out boolean not null,
    created_at bigint not null,
    updated_at bigint not null
);

create index notice_owed on notice (created_at) where handed_out = false;

create table delivery (
    notice_id text not null references notice (id) on delete cascade,
    channel text not null,
    address text not null,
    person_id text references person (id) on delete cascade,
    urgency text not null,
    subject text not null,
    status text not null,
    attempts bigint not null,
    -- when it is tried next
    due_at bigint not null,
    -- the message's id, by which it can be edited
    message text,
    problem text,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (notice_id, channel, address)
);

create index delivery_owed on delivery (due_at) where status = 'owed';

create index delivery_subject on delivery (channel, address, subject);
