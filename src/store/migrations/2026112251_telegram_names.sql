-- The names of the bots that were talked over with this store: an invitation is a link that opens the chat with the one
-- that was talked over last.
create table telegram_name (
    bot_id bigint primary key not null,
    name text not null,
    created_at bigint not null,
    updated_at bigint not null
);
