# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_cgo_global_optspecs
    string join \n json q/quiet no-color y/yes config= store= show-settings h/help V/version
end

function __fish_cgo_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_cgo_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_cgo_using_subcommand
    set -l cmd (__fish_cgo_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c cgo -n "__fish_cgo_needs_command" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_needs_command" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_needs_command" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_needs_command" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_needs_command" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_needs_command" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_needs_command" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_needs_command" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_needs_command" -s V -l version -d 'Print version'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "init" -d 'Set cgo up: folders, store and agents'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "doctor" -d 'Check what cgo needs on this machine'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "project" -d 'Make, list and operate projects'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "run" -d 'Look at, resume and answer runs of the pipeline'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "deploy" -d 'Deploy a new release of a project, or go back to an older one'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "cost" -d 'What `cgo cost` takes'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "servers" -d 'Add, list and check the servers projects run on'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "incidents" -d 'See what is broken, and mend it'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "secrets" -d 'Set, list and remove the secrets of projects'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "users" -d 'Add, invite and remove people beside the operator, and say what they may do'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "serve" -d 'Stay, and work on what front ends ask for'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "lock" -d 'See, hold and release who may change a project on its server'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "audit" -d 'Show what was done to a project on its server, by whom, and that nobody changed what is written there'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "agent" -d 'Look at and change agents'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "spec" -d 'Check and format the spec of a project'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "explain" -d 'Say why a run waits or failed, or how a project stands'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "completions" -d 'Print the completions of a shell'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "man" -d 'Print the manual page'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "exit-codes" -d 'List the exit codes'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "work" -d 'Work on one run until it is over, waits or stops (started by cgo itself)'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "supervise" -d 'Keep one application running (started by cgo itself)'
complete -c cgo -n "__fish_cgo_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand init" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand init" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand init" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand init" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand init" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand init" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand init" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand init" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand doctor" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand doctor" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand doctor" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand doctor" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand doctor" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand doctor" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand doctor" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -f -a "new" -d 'Make a running project from a description'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -f -a "update" -d 'Change a project that exists'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -f -a "list" -d 'List the projects'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -f -a "show" -d 'Show one project: where it is, what runs, its releases'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -f -a "logs" -d 'Print what the project\'s service wrote'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -f -a "stop" -d 'Stop the project\'s service; its data stays'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -f -a "start" -d 'Start the project\'s service again, and see that it answers'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -f -a "exec" -d 'Run a command where the project\'s service runs: its folder and variables, or its container'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -f -a "maintenance" -d 'Tell the visitors of a project on a server to come back later, or let them in again'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -f -a "remove" -d 'Take the project off its server, with its data there'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -f -a "generate" -d 'Write the generated code of a project again from its spec'
complete -c cgo -n "__fish_cgo_using_subcommand project; and not __fish_seen_subcommand_from new update list show logs stop start exec maintenance remove generate help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l file -d 'Read the description from a file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l spec -d 'Take the spec from a file or folder instead of a description' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l name -d 'The project\'s name; chosen from the description if not given' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l dir -d 'The folder to make; the project\'s name in the current folder if not given' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l provider -d 'Who answers for the agents: `offline`, `openai`, `anthropic`, `ollama`, … or one of the settings' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l model -d 'The model that is asked, by its name at the provider' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l budget -d 'US dollars the run may spend on models before a person is asked' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l coder -d 'Who writes code that is not generated: native, claude, codex, opencode, aider, goose, droid, none' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l sandbox -d 'What keeps that coder from the rest of the machine: bubblewrap, off' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l until -d 'Stop after this node of the pipeline, for instance `tester`' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l server -d 'Deploy it to this server, or to the one with the most room: `auto`; to this machine if not given' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l record -d 'Record everything the run is told on a new cassette' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l replay -d 'Replay a cassette: no network, no key, no cost, the same result' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l github -d 'Put the project on GitHub, too; under the token\'s account and the project\'s name if not given' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l allow-unpriced -d 'Ask models whose price nobody knows, too'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l loose -d 'A question that is not on the cassette gets the agent\'s next answer (with --replay)'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l no-deploy -d 'Stop when the project is built and tested'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l public -d 'Let everybody see it there (with --github)'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -l dry-run -d 'Show what would be made, and end'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -l file -d 'Read it from a file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -l provider -d 'Who answers for the agents: `offline`, `openai`, `anthropic`, `ollama`, … or one of the settings' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -l model -d 'The model that is asked, by its name at the provider' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -l budget -d 'US dollars the run may spend on models before a person is asked' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -l coder -d 'Who writes code that is not generated: native, claude, codex, opencode, aider, goose, droid, none' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -l sandbox -d 'What keeps that coder from the rest of the machine: bubblewrap, off' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -l record -d 'Record everything the run is told on a new cassette' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -l replay -d 'Replay a cassette: no network, no key, no cost, the same result' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -l allow-unpriced -d 'Ask models whose price nobody knows, too'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -l loose -d 'A question that is not on the cassette gets the agent\'s next answer (with --replay)'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -l no-deploy -d 'Stop when the change is built and tested'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -l dry-run -d 'Show what would change, and end'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from update" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from list" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from list" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from list" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from list" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from list" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from list" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from show" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from show" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from show" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from show" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from show" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from show" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from logs" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from logs" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from logs" -s n -l lines -d 'How many lines from the end' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from logs" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from logs" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from logs" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from logs" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from logs" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from logs" -s f -l follow -d 'Go on as new lines come'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from logs" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from stop" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from stop" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from stop" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from stop" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from stop" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from stop" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from stop" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from start" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from start" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from start" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from start" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from start" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from start" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from start" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from exec" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from exec" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from exec" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from exec" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from exec" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from exec" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from exec" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from exec" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from maintenance" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from maintenance" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from maintenance" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from maintenance" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from maintenance" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from maintenance" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from maintenance" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from maintenance" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from remove" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from remove" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from remove" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from remove" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from remove" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from remove" -l folder -d 'Remove the project\'s folder too'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from remove" -l dry-run -d 'Show what would be removed, and end'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from generate" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from generate" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from generate" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from generate" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from generate" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from generate" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from generate" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from generate" -l force -d 'Overwrite generated files that were edited by hand'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from generate" -l dry-run -d 'Show what would change, and end'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from generate" -l detailed-exit-code -d 'Exit with 3 when there are changes (with --dry-run)'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from generate" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from help" -f -a "new" -d 'Make a running project from a description'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from help" -f -a "update" -d 'Change a project that exists: say what should be different'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the projects'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one project: where it is, what runs, its releases'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from help" -f -a "logs" -d 'Print what the project\'s service wrote'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from help" -f -a "stop" -d 'Stop the project\'s service; its data stays'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from help" -f -a "start" -d 'Start the project\'s service again, and see that it answers'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from help" -f -a "exec" -d 'Run a command where the project\'s service runs: its folder and variables, or its container'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from help" -f -a "maintenance" -d 'Tell the visitors of a project on a server to come back later, or let them in again'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Take the project off its server, with its data there'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from help" -f -a "generate" -d 'Write the generated code of a project again from its spec'
complete -c cgo -n "__fish_cgo_using_subcommand project; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -f -a "list" -d 'List the newest runs'
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -f -a "show" -d 'Show a run: its steps, effects and state'
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -f -a "watch" -d 'Follow a run as it goes'
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -f -a "resume" -d 'Go on with a run that was stopped or killed'
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -f -a "answer" -d 'Answer the questions of a run, and go on with it'
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -f -a "approve" -d 'Approve what a run waits for, and go on with it'
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -f -a "reject" -d 'Refuse what a run waits for; the run ends'
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -f -a "cancel" -d 'End a run'
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -f -a "replay" -d 'Replay a cassette from its beginning to its end'
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -f -a "fork" -d 'Make a new run that goes on from one of another run\'s events'
complete -c cgo -n "__fish_cgo_using_subcommand run; and not __fish_seen_subcommand_from list show watch resume answer approve reject cancel replay fork help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from list" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from list" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from list" -s n -l limit -d 'How many' -r
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from list" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from list" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from list" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from list" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from show" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from show" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from show" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from show" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from show" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from show" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from watch" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from watch" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from watch" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from watch" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from watch" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from watch" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from watch" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from resume" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from resume" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from resume" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from resume" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from resume" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from resume" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from resume" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from resume" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from answer" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from answer" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from answer" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from answer" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from answer" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from answer" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from answer" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from answer" -l no-resume -d 'Only note the answer'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from answer" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from approve" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from approve" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from approve" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from approve" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from approve" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from approve" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from approve" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from approve" -l no-resume -d 'Only note the approval'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from approve" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from reject" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from reject" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from reject" -l reason -d 'Why' -r
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from reject" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from reject" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from reject" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from reject" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from reject" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from reject" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from cancel" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from cancel" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from cancel" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from cancel" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from cancel" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from cancel" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from cancel" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from replay" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from replay" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from replay" -l dir -d 'The folder to make the project in; the project\'s name in the current folder if not given' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from replay" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from replay" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from replay" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from replay" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from replay" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from replay" -l loose -d 'A question that is not on the cassette gets the agent\'s next answer'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from fork" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from fork" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from fork" -l at -d 'The event, as `cgo run show` numbers them' -r
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from fork" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from fork" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from fork" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from fork" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from fork" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from fork" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the newest runs'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show a run: its steps, effects and state'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from help" -f -a "watch" -d 'Follow a run as it goes'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from help" -f -a "resume" -d 'Go on with a run that was stopped or killed'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from help" -f -a "answer" -d 'Answer the questions of a run, and go on with it'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from help" -f -a "approve" -d 'Approve what a run waits for, and go on with it'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from help" -f -a "reject" -d 'Refuse what a run waits for; the run ends'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from help" -f -a "cancel" -d 'End a run'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from help" -f -a "replay" -d 'Replay a cassette from its beginning to its end'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from help" -f -a "fork" -d 'Make a new run that goes on from one of another run\'s events'
complete -c cgo -n "__fish_cgo_using_subcommand run; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l rollback -d 'Go back to the release before, or to this one' -r
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l sandbox -d 'What keeps code that a coder wrote from the rest of the machine while it is tested: bubblewrap, off' -r
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l server -d 'Deploy to this server, to several (`web-1,web-2`), or to the one with the most room: `auto`; where the project is if not given; with --ci `user@host[:port]`' -r
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l bake -d 'Keep the old release running for so many seconds after the switch, to go back to at once; 60 if not given' -r
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l parallel -d 'Of several servers, switch so many at once after the first; 4 if not given' -r
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l wait -d 'While somebody else changes the project, wait: so many seconds, or until it is free' -r
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l record -d 'Record everything the run is told on a new cassette' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l replay -d 'Replay a cassette: no network, no key, no cost, the same result' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l status -d 'Show how the deployment stands, and end'
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l ci -d 'Take nothing but the current folder\'s cgo.yaml, the SSH key in CGO_SSH_KEY and secrets in variables of their names'
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l allow-partial -d 'Of several servers, leave one as it is that cannot take the release, instead of going back on all of them'
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l force -d 'Go back although a migration since that release cannot be undone'
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l loose -d 'A question that is not on the cassette gets the agent\'s next answer (with --replay)'
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -l dry-run -d 'Show the steps and what would stop them, and end'
complete -c cgo -n "__fish_cgo_using_subcommand deploy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cgo -n "__fish_cgo_using_subcommand cost" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand cost" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand cost" -l by -d 'What the cost is added up by' -r -f -a "project\t'The project'
run\t'The run'
agent\t'The agent'
model\t'The model'
day\t'The day, in UTC'"
complete -c cgo -n "__fish_cgo_using_subcommand cost" -l project -d 'Only of this project' -r
complete -c cgo -n "__fish_cgo_using_subcommand cost" -l run -d 'Only of this run: its id or its beginning' -r
complete -c cgo -n "__fish_cgo_using_subcommand cost" -l days -d 'Only of the last so many days, today included' -r
complete -c cgo -n "__fish_cgo_using_subcommand cost" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand cost" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand cost" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand cost" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand cost" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand cost" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -f -a "list" -d 'List the servers'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -f -a "add" -d 'Add a server that is reached over SSH'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -f -a "show" -d 'Show one server: how it is reached, what was found on it'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -f -a "check" -d 'Look at servers now, at all of them side by side when none is named'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -f -a "trust" -d 'Pin the host key a server has now, after it was set up anew'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -f -a "provision" -d 'Set a server up'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -f -a "maintenance" -d 'Take a server out of use for a while, or put it into use again: `on`, `off`'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -f -a "reserve" -d 'Keep a server free that carries no project, or give it to projects again: `on`, `off`'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -f -a "inventory" -d 'Tell Ansible of the servers, as a dynamic inventory'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -f -a "remove" -d 'Remove a server that carries no project; nothing changes on it'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and not __fish_seen_subcommand_from list add show check trust provision maintenance reserve inventory remove help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from list" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from list" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from list" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from list" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from list" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from list" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from add" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from add" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from add" -l key -d 'Log in with this private key; without it with those of the SSH agent and configuration' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from add" -l fingerprint -d 'The fingerprint its host key must have, instead of asking' -r
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from add" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from add" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from add" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from add" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from add" -l rootless -d 'Take an account that can become root by no means, for projects that need no root'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from show" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from show" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from show" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from show" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from show" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from show" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from check" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from check" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from check" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from check" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from check" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from check" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from trust" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from trust" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from trust" -l fingerprint -d 'The fingerprint it must have, instead of asking' -r
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from trust" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from trust" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from trust" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from trust" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from trust" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from trust" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from provision" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from provision" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from provision" -l step -d 'Do this step only; may be given several times' -r
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from provision" -l engine -d 'The container engine: docker, podman or none; without it the one that is there, or else Docker' -r
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from provision" -l playbook -d 'Run this playbook with the installed Ansible instead' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from provision" -l vars -d 'Variables for the playbook, as YAML or JSON; they are taken for secrets' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from provision" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from provision" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from provision" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from provision" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from provision" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from provision" -l dry-run -d 'Show what would be done, and end'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from provision" -l detailed-exit-code -d 'With --dry-run, end with exit code 3 when something would be done'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from provision" -l again -d 'Try again after it failed too often: somebody has looked'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from provision" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from maintenance" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from maintenance" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from maintenance" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from maintenance" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from maintenance" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from maintenance" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from maintenance" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from maintenance" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from reserve" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from reserve" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from reserve" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from reserve" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from reserve" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from reserve" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from reserve" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from reserve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from inventory" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from inventory" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from inventory" -l host -d 'The variables of one server' -r
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from inventory" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from inventory" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from inventory" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from inventory" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from inventory" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from inventory" -l list -d 'All servers, in groups by state'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from inventory" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from remove" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from remove" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from remove" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from remove" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from remove" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the servers'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from help" -f -a "add" -d 'Add a server that is reached over SSH'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one server: how it is reached, what was found on it'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from help" -f -a "check" -d 'Look at servers now, at all of them side by side when none is named'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from help" -f -a "trust" -d 'Pin the host key a server has now, after it was set up anew'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from help" -f -a "provision" -d 'Set a server up: deploy account, SSH, firewall, updates, container engine, Caddy'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from help" -f -a "maintenance" -d 'Take a server out of use for a while, or put it into use again: `on`, `off`'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from help" -f -a "reserve" -d 'Keep a server free that carries no project, or give it to projects again: `on`, `off`'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from help" -f -a "inventory" -d 'Tell Ansible of the servers, as a dynamic inventory'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Remove a server that carries no project; nothing changes on it'
complete -c cgo -n "__fish_cgo_using_subcommand servers; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and not __fish_seen_subcommand_from list show check recover resolve help" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and not __fish_seen_subcommand_from list show check recover resolve help" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and not __fish_seen_subcommand_from list show check recover resolve help" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and not __fish_seen_subcommand_from list show check recover resolve help" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and not __fish_seen_subcommand_from list show check recover resolve help" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and not __fish_seen_subcommand_from list show check recover resolve help" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and not __fish_seen_subcommand_from list show check recover resolve help" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and not __fish_seen_subcommand_from list show check recover resolve help" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and not __fish_seen_subcommand_from list show check recover resolve help" -f -a "list" -d 'List the incidents that are open'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and not __fish_seen_subcommand_from list show check recover resolve help" -f -a "show" -d 'Show an incident: what was seen, and what was tried'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and not __fish_seen_subcommand_from list show check recover resolve help" -f -a "check" -d 'Look at every server and every deployed service; open and end incidents by what is found'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and not __fish_seen_subcommand_from list show check recover resolve help" -f -a "recover" -d 'Try to mend an incident: a restart, or the release before a new one; else say what a person has to do'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and not __fish_seen_subcommand_from list show check recover resolve help" -f -a "resolve" -d 'End an incident whose cause is gone'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and not __fish_seen_subcommand_from list show check recover resolve help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from list" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from list" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from list" -s n -l limit -d 'How many (with --all)' -r
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from list" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from list" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from list" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from list" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from list" -l all -d 'Those that are over, too, the newest first'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from show" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from show" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from show" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from show" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from show" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from show" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from check" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from check" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from check" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from check" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from check" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from check" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from recover" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from recover" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from recover" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from recover" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from recover" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from recover" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from recover" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from recover" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from resolve" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from resolve" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from resolve" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from resolve" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from resolve" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from resolve" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from resolve" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from resolve" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the incidents that are open'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show an incident: what was seen, and what was tried'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from help" -f -a "check" -d 'Look at every server and every deployed service; open and end incidents by what is found'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from help" -f -a "recover" -d 'Try to mend an incident: a restart, or the release before a new one; else say what a person has to do'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from help" -f -a "resolve" -d 'End an incident whose cause is gone'
complete -c cgo -n "__fish_cgo_using_subcommand incidents; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and not __fish_seen_subcommand_from set list get rm rotate help" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and not __fish_seen_subcommand_from set list get rm rotate help" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and not __fish_seen_subcommand_from set list get rm rotate help" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and not __fish_seen_subcommand_from set list get rm rotate help" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and not __fish_seen_subcommand_from set list get rm rotate help" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and not __fish_seen_subcommand_from set list get rm rotate help" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and not __fish_seen_subcommand_from set list get rm rotate help" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and not __fish_seen_subcommand_from set list get rm rotate help" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and not __fish_seen_subcommand_from set list get rm rotate help" -f -a "set" -d 'Set a secret: its value is asked for without showing it, or comes from standard input or a file'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and not __fish_seen_subcommand_from set list get rm rotate help" -f -a "list" -d 'List secrets by name, those that are missing too; never values'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and not __fish_seen_subcommand_from set list get rm rotate help" -f -a "get" -d 'Say whether a secret is set, when, and for which key it is encrypted'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and not __fish_seen_subcommand_from set list get rm rotate help" -f -a "rm" -d 'Remove a secret'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and not __fish_seen_subcommand_from set list get rm rotate help" -f -a "rotate" -d 'Make up a new value for a generated secret; the next deployment brings it to the service'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and not __fish_seen_subcommand_from set list get rm rotate help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from set" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from set" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from set" -l file -d 'Take the value from this file, to the byte' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from set" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from set" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from set" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from set" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from list" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from list" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from list" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from list" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from list" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from list" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from get" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from get" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from get" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from get" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from get" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from get" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from get" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from get" -l reveal -d 'Print the value'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from rm" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from rm" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from rm" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from rm" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from rm" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from rm" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from rotate" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from rotate" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from rotate" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from rotate" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from rotate" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from rotate" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from rotate" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from rotate" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from help" -f -a "set" -d 'Set a secret: its value is asked for without showing it, or comes from standard input or a file'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from help" -f -a "list" -d 'List secrets by name, those that are missing too; never values'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from help" -f -a "get" -d 'Say whether a secret is set, when, and for which key it is encrypted'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from help" -f -a "rm" -d 'Remove a secret'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from help" -f -a "rotate" -d 'Make up a new value for a generated secret; the next deployment brings it to the service'
complete -c cgo -n "__fish_cgo_using_subcommand secrets; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand users; and not __fish_seen_subcommand_from list add invite remove role set help" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand users; and not __fish_seen_subcommand_from list add invite remove role set help" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand users; and not __fish_seen_subcommand_from list add invite remove role set help" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand users; and not __fish_seen_subcommand_from list add invite remove role set help" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand users; and not __fish_seen_subcommand_from list add invite remove role set help" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand users; and not __fish_seen_subcommand_from list add invite remove role set help" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand users; and not __fish_seen_subcommand_from list add invite remove role set help" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand users; and not __fish_seen_subcommand_from list add invite remove role set help" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand users; and not __fish_seen_subcommand_from list add invite remove role set help" -f -a "list" -d 'List people, invitations, and strangers that were refused'
complete -c cgo -n "__fish_cgo_using_subcommand users; and not __fish_seen_subcommand_from list add invite remove role set help" -f -a "add" -d 'Add somebody whose id at a front end is known'
complete -c cgo -n "__fish_cgo_using_subcommand users; and not __fish_seen_subcommand_from list add invite remove role set help" -f -a "invite" -d 'Make a link that lets one person in, once'
complete -c cgo -n "__fish_cgo_using_subcommand users; and not __fish_seen_subcommand_from list add invite remove role set help" -f -a "remove" -d 'Remove somebody; what was theirs is the operator\'s'
complete -c cgo -n "__fish_cgo_using_subcommand users; and not __fish_seen_subcommand_from list add invite remove role set help" -f -a "role" -d 'Change what somebody may do'
complete -c cgo -n "__fish_cgo_using_subcommand users; and not __fish_seen_subcommand_from list add invite remove role set help" -f -a "set" -d 'Change how somebody is answered and told'
complete -c cgo -n "__fish_cgo_using_subcommand users; and not __fish_seen_subcommand_from list add invite remove role set help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from list" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from list" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from list" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from list" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from list" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from list" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from add" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from add" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from add" -l identity -d 'Who they are at a front end: telegram:ID' -r
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from add" -l role -d 'What they may do' -r -f -a "admin\t'Everything, people included'
member\t'Their own projects'"
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from add" -l language -d 'The language they are answered in; that of what they write if not given' -r -f -a "en\t'English'
ru\t'Russian'"
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from add" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from add" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from add" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from add" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from invite" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from invite" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from invite" -l role -d 'What they may do' -r -f -a "admin\t'Everything, people included'
member\t'Their own projects'"
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from invite" -l name -d 'What they are called; as the front end\'s service says if not given' -r
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from invite" -l expires -d 'How many hours it is good' -r
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from invite" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from invite" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from invite" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from invite" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from invite" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from invite" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from remove" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from remove" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from remove" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from remove" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from remove" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from role" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from role" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from role" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from role" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from role" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from role" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from role" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from role" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from set" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from set" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from set" -l language -d 'The language they are answered in' -r -f -a "en\t'English'
ru\t'Russian'"
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from set" -l chat -d 'The chat they are told in: its id, or off' -r
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from set" -l quiet-hours -d 'When they are told only what is critical, such as 22:00-08:00; or off' -r
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from set" -l time-zone -d 'The time zone of the quiet hours' -r
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from set" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from set" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from set" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from set" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from help" -f -a "list" -d 'List people, invitations, and strangers that were refused'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from help" -f -a "add" -d 'Add somebody whose id at a front end is known'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from help" -f -a "invite" -d 'Make a link that lets one person in, once'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from help" -f -a "remove" -d 'Remove somebody; what was theirs is the operator\'s'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from help" -f -a "role" -d 'Change what somebody may do'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from help" -f -a "set" -d 'Change how somebody is answered and told'
complete -c cgo -n "__fish_cgo_using_subcommand users; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand serve" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand serve" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand serve" -l jobs -d 'How many runs are worked on at once' -r
complete -c cgo -n "__fish_cgo_using_subcommand serve" -l health -d 'Where health is told and the page for secrets is; off for nowhere' -r
complete -c cgo -n "__fish_cgo_using_subcommand serve" -l public-url -d 'The address under which others reach that page, such as `https://cgo.example.com`' -r
complete -c cgo -n "__fish_cgo_using_subcommand serve" -l check-every -d 'Seconds between two looks at servers and services; 0 for never' -r
complete -c cgo -n "__fish_cgo_using_subcommand serve" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand serve" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand serve" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand serve" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand serve" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand serve" -l telegram -d 'Talk with people over the Telegram bot of CGO_TELEGRAM_TOKEN'
complete -c cgo -n "__fish_cgo_using_subcommand serve" -l keep-token -d 'Keep the bot\'s token in the store, encrypted, once Telegram accepts it, and end: later it is found there'
complete -c cgo -n "__fish_cgo_using_subcommand serve" -l drop-webhook -d 'Take the bot\'s updates away from a webhook they go to, before it is looked for other programs'
complete -c cgo -n "__fish_cgo_using_subcommand serve" -l once -d 'Do what there is to do now, and end'
complete -c cgo -n "__fish_cgo_using_subcommand serve" -l systemd -d 'Print a unit for systemd that serves this store, and end'
complete -c cgo -n "__fish_cgo_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and not __fish_seen_subcommand_from status hold release help" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand lock; and not __fish_seen_subcommand_from status hold release help" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand lock; and not __fish_seen_subcommand_from status hold release help" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and not __fish_seen_subcommand_from status hold release help" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and not __fish_seen_subcommand_from status hold release help" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and not __fish_seen_subcommand_from status hold release help" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and not __fish_seen_subcommand_from status hold release help" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and not __fish_seen_subcommand_from status hold release help" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and not __fish_seen_subcommand_from status hold release help" -f -a "status" -d 'Show who has a project, and since when'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and not __fish_seen_subcommand_from status hold release help" -f -a "hold" -d 'Let nobody deploy a project until it is released'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and not __fish_seen_subcommand_from status hold release help" -f -a "release" -d 'End a hold of yours'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and not __fish_seen_subcommand_from status hold release help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from status" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from status" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from status" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from status" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from status" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from status" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from hold" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from hold" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from hold" -s m -l message -d 'Why, for those who are refused' -r
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from hold" -l wait -d 'While somebody else has it, wait: so many seconds, or until it is free' -r
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from hold" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from hold" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from hold" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from hold" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from hold" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from hold" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from release" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from release" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from release" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from release" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from release" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from release" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from release" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from release" -l force -d 'End it though somebody else holds the project'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from release" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show who has a project, and since when'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from help" -f -a "hold" -d 'Let nobody deploy a project until it is released'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from help" -f -a "release" -d 'End a hold of yours'
complete -c cgo -n "__fish_cgo_using_subcommand lock; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand audit" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand audit" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand audit" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand audit" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand audit" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand audit" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand audit" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand audit" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -f -a "list" -d 'List the agents'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -f -a "show" -d 'Print an agent\'s file'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -f -a "edit" -d 'Edit an agent\'s file in $VISUAL or $EDITOR'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -f -a "set" -d 'Set one key of an agent\'s file'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -f -a "diff" -d 'Compare two versions of an agent\'s file'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -f -a "history" -d 'List the versions of an agent\'s file'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -f -a "rollback" -d 'Store an older version again as the newest'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -f -a "export" -d 'Write agents\' files to a folder'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -f -a "import" -d 'Read agents\' files from files or folders'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -f -a "test" -d 'Let one agent work on one input, without a run'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -f -a "graph" -d 'Draw the graph of the agents'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and not __fish_seen_subcommand_from list show edit set diff history rollback export import test graph help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from list" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from list" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from list" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from list" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from list" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from list" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from show" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from show" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from show" -l version -d 'An older version' -r
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from show" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from show" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from show" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from show" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from edit" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from edit" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from edit" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from edit" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from edit" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from edit" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from edit" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from edit" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from set" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from set" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from set" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from set" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from set" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from set" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from diff" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from diff" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from diff" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from diff" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from diff" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from diff" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from history" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from history" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from history" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from history" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from history" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from history" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from history" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from history" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from rollback" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from rollback" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from rollback" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from rollback" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from rollback" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from rollback" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from rollback" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from rollback" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from export" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from export" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from export" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from export" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from export" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from export" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from import" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from import" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from import" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from import" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from import" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from import" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from import" -l dry-run -d 'Show what would change, and end'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from test" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from test" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from test" -l input -d 'What it is told; `-` reads standard input' -r
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from test" -l provider -d 'Who is asked instead of the one its file or the settings name' -r
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from test" -l model -d 'The model that is asked, by its name at the provider' -r
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from test" -l budget -d 'US dollars it may cost at most' -r
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from test" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from test" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from test" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from test" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from test" -l allow-unpriced -d 'Ask a model whose price nobody knows, too'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from graph" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from graph" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from graph" -l format -d 'How' -r -f -a "mermaid\t'For Markdown'
dot\t'For Graphviz'
svg\t'A picture'"
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from graph" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from graph" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from graph" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from graph" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from graph" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from graph" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the agents'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print an agent\'s file'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from help" -f -a "edit" -d 'Edit an agent\'s file in $VISUAL or $EDITOR'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from help" -f -a "set" -d 'Set one key of an agent\'s file'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Compare two versions of an agent\'s file'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from help" -f -a "history" -d 'List the versions of an agent\'s file'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from help" -f -a "rollback" -d 'Store an older version again as the newest'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from help" -f -a "export" -d 'Write agents\' files to a folder'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from help" -f -a "import" -d 'Read agents\' files from files or folders'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from help" -f -a "test" -d 'Let one agent work on one input, without a run'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from help" -f -a "graph" -d 'Draw the graph of the agents'
complete -c cgo -n "__fish_cgo_using_subcommand agent; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and not __fish_seen_subcommand_from check fmt show help" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand spec; and not __fish_seen_subcommand_from check fmt show help" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand spec; and not __fish_seen_subcommand_from check fmt show help" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and not __fish_seen_subcommand_from check fmt show help" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and not __fish_seen_subcommand_from check fmt show help" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and not __fish_seen_subcommand_from check fmt show help" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and not __fish_seen_subcommand_from check fmt show help" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and not __fish_seen_subcommand_from check fmt show help" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and not __fish_seen_subcommand_from check fmt show help" -f -a "check" -d 'Check the spec of a project, or a spec in one file'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and not __fish_seen_subcommand_from check fmt show help" -f -a "fmt" -d 'Write the spec\'s files in their standard form'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and not __fish_seen_subcommand_from check fmt show help" -f -a "show" -d 'Show what the spec says'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and not __fish_seen_subcommand_from check fmt show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from check" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from check" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from check" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from check" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from check" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from check" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from fmt" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from fmt" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from fmt" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from fmt" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from fmt" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from fmt" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from fmt" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from fmt" -l check -d 'Only say which files would change; exit with 3 if any'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from fmt" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from show" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from show" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from show" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from show" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from show" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from show" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from help" -f -a "check" -d 'Check the spec of a project, or a spec in one file'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from help" -f -a "fmt" -d 'Write the spec\'s files in their standard form'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show what the spec says'
complete -c cgo -n "__fish_cgo_using_subcommand spec; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand explain" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand explain" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand explain" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand explain" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand explain" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand explain" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand explain" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand explain" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand completions" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand completions" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand completions" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand completions" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand completions" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand completions" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand completions" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand completions" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand man" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand man" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand man" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand man" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand man" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand man" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand man" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand man" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand exit-codes" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand exit-codes" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand exit-codes" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand exit-codes" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand exit-codes" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand exit-codes" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand exit-codes" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand exit-codes" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c cgo -n "__fish_cgo_using_subcommand work" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand work" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand work" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand work" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand work" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand work" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand work" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand work" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand supervise" -l config -d 'Read settings from this file' -r -F
complete -c cgo -n "__fish_cgo_using_subcommand supervise" -l store -d 'Use this store: a file, sqlite:PATH or postgres://…' -r
complete -c cgo -n "__fish_cgo_using_subcommand supervise" -l json -d 'Print the answer as JSON'
complete -c cgo -n "__fish_cgo_using_subcommand supervise" -s q -l quiet -d 'Print the answer only, no progress'
complete -c cgo -n "__fish_cgo_using_subcommand supervise" -l no-color -d 'Use no colours'
complete -c cgo -n "__fish_cgo_using_subcommand supervise" -s y -l yes -d 'Take the stated assumptions and confirmations instead of asking'
complete -c cgo -n "__fish_cgo_using_subcommand supervise" -l show-settings -d 'Print every setting with its source, and end'
complete -c cgo -n "__fish_cgo_using_subcommand supervise" -s h -l help -d 'Print help'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "init" -d 'Set cgo up: folders, store and agents'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "doctor" -d 'Check what cgo needs on this machine'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "project" -d 'Make, list and operate projects'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "run" -d 'Look at, resume and answer runs of the pipeline'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "deploy" -d 'Deploy a new release of a project, or go back to an older one'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "cost" -d 'Show what models have cost'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "servers" -d 'Add, list and check the servers projects run on'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "incidents" -d 'See what is broken, and mend it'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "secrets" -d 'Set, list and remove the secrets of projects'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "users" -d 'Add, invite and remove people beside the operator, and say what they may do'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "serve" -d 'Stay, and work on what front ends ask for'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "lock" -d 'See, hold and release who may change a project on its server'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "audit" -d 'Show what was done to a project on its server, by whom, and that nobody changed what is written there'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "agent" -d 'Look at and change agents'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "spec" -d 'Check and format the spec of a project'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "explain" -d 'Say why a run waits or failed, or how a project stands'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "completions" -d 'Print the completions of a shell'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "man" -d 'Print the manual page'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "exit-codes" -d 'List the exit codes'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "work" -d 'Work on one run until it is over, waits or stops (started by cgo itself)'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "supervise" -d 'Keep one application running (started by cgo itself)'
complete -c cgo -n "__fish_cgo_using_subcommand help; and not __fish_seen_subcommand_from init doctor project run deploy cost servers incidents secrets users serve lock audit agent spec explain completions man exit-codes work supervise help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from project" -f -a "new" -d 'Make a running project from a description'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from project" -f -a "update" -d 'Change a project that exists: say what should be different'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from project" -f -a "list" -d 'List the projects'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from project" -f -a "show" -d 'Show one project: where it is, what runs, its releases'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from project" -f -a "logs" -d 'Print what the project\'s service wrote'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from project" -f -a "stop" -d 'Stop the project\'s service; its data stays'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from project" -f -a "start" -d 'Start the project\'s service again, and see that it answers'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from project" -f -a "exec" -d 'Run a command where the project\'s service runs: its folder and variables, or its container'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from project" -f -a "maintenance" -d 'Tell the visitors of a project on a server to come back later, or let them in again'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from project" -f -a "remove" -d 'Take the project off its server, with its data there'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from project" -f -a "generate" -d 'Write the generated code of a project again from its spec'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from run" -f -a "list" -d 'List the newest runs'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from run" -f -a "show" -d 'Show a run: its steps, effects and state'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from run" -f -a "watch" -d 'Follow a run as it goes'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from run" -f -a "resume" -d 'Go on with a run that was stopped or killed'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from run" -f -a "answer" -d 'Answer the questions of a run, and go on with it'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from run" -f -a "approve" -d 'Approve what a run waits for, and go on with it'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from run" -f -a "reject" -d 'Refuse what a run waits for; the run ends'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from run" -f -a "cancel" -d 'End a run'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from run" -f -a "replay" -d 'Replay a cassette from its beginning to its end'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from run" -f -a "fork" -d 'Make a new run that goes on from one of another run\'s events'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from servers" -f -a "list" -d 'List the servers'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from servers" -f -a "add" -d 'Add a server that is reached over SSH'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from servers" -f -a "show" -d 'Show one server: how it is reached, what was found on it'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from servers" -f -a "check" -d 'Look at servers now, at all of them side by side when none is named'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from servers" -f -a "trust" -d 'Pin the host key a server has now, after it was set up anew'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from servers" -f -a "provision" -d 'Set a server up: deploy account, SSH, firewall, updates, container engine, Caddy'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from servers" -f -a "maintenance" -d 'Take a server out of use for a while, or put it into use again: `on`, `off`'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from servers" -f -a "reserve" -d 'Keep a server free that carries no project, or give it to projects again: `on`, `off`'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from servers" -f -a "inventory" -d 'Tell Ansible of the servers, as a dynamic inventory'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from servers" -f -a "remove" -d 'Remove a server that carries no project; nothing changes on it'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from incidents" -f -a "list" -d 'List the incidents that are open'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from incidents" -f -a "show" -d 'Show an incident: what was seen, and what was tried'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from incidents" -f -a "check" -d 'Look at every server and every deployed service; open and end incidents by what is found'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from incidents" -f -a "recover" -d 'Try to mend an incident: a restart, or the release before a new one; else say what a person has to do'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from incidents" -f -a "resolve" -d 'End an incident whose cause is gone'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from secrets" -f -a "set" -d 'Set a secret: its value is asked for without showing it, or comes from standard input or a file'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from secrets" -f -a "list" -d 'List secrets by name, those that are missing too; never values'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from secrets" -f -a "get" -d 'Say whether a secret is set, when, and for which key it is encrypted'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from secrets" -f -a "rm" -d 'Remove a secret'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from secrets" -f -a "rotate" -d 'Make up a new value for a generated secret; the next deployment brings it to the service'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from users" -f -a "list" -d 'List people, invitations, and strangers that were refused'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from users" -f -a "add" -d 'Add somebody whose id at a front end is known'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from users" -f -a "invite" -d 'Make a link that lets one person in, once'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from users" -f -a "remove" -d 'Remove somebody; what was theirs is the operator\'s'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from users" -f -a "role" -d 'Change what somebody may do'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from users" -f -a "set" -d 'Change how somebody is answered and told'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from lock" -f -a "status" -d 'Show who has a project, and since when'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from lock" -f -a "hold" -d 'Let nobody deploy a project until it is released'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from lock" -f -a "release" -d 'End a hold of yours'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from agent" -f -a "list" -d 'List the agents'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from agent" -f -a "show" -d 'Print an agent\'s file'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from agent" -f -a "edit" -d 'Edit an agent\'s file in $VISUAL or $EDITOR'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from agent" -f -a "set" -d 'Set one key of an agent\'s file'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from agent" -f -a "diff" -d 'Compare two versions of an agent\'s file'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from agent" -f -a "history" -d 'List the versions of an agent\'s file'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from agent" -f -a "rollback" -d 'Store an older version again as the newest'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from agent" -f -a "export" -d 'Write agents\' files to a folder'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from agent" -f -a "import" -d 'Read agents\' files from files or folders'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from agent" -f -a "test" -d 'Let one agent work on one input, without a run'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from agent" -f -a "graph" -d 'Draw the graph of the agents'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from spec" -f -a "check" -d 'Check the spec of a project, or a spec in one file'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from spec" -f -a "fmt" -d 'Write the spec\'s files in their standard form'
complete -c cgo -n "__fish_cgo_using_subcommand help; and __fish_seen_subcommand_from spec" -f -a "show" -d 'Show what the spec says'
