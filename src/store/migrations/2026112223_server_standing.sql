-- Servers come back from where they stand for a while: whether they were set up is kept, and how many looks in a row they
-- left unanswered. Those that carry projects are in use.
alter table server add column set_up boolean not null default false;

update server set set_up = true where status in ('ready', 'in_use', 'maintenance', 'reserved', 'unreachable');

update server set status = 'in_use' where status = 'ready'
    and (exists (select 1 from placement where server_id = server.id)
        or exists (select 1 from port_reservation where server_id = server.id));

alter table server_check add column silences bigint not null default 0;
