-- Who works on what right now. A released lease keeps its row: its fence has to go on growing.
create table lease (
    resource text primary key not null,
    held boolean not null,
    fence bigint not null,
    host text not null,
    boot_id text not null,
    pid bigint not null,
    started bigint not null,
    purpose text not null,
    expires_at bigint not null,
    created_at bigint not null,
    updated_at bigint not null
);
