-- Chats a bot cannot write to: blocked by the person, or gone. Nothing is sent there until something comes from there.
create table telegram_chat (
    bot_id bigint not null,
    chat_id bigint not null,
    unreachable text,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (bot_id, chat_id)
);
