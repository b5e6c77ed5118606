# The step `build`: the commit's files, and what they need.
do_build() {
    [ ! -e "$release_folder/complete" ] || return 0
    mkdir -p "$release_folder"
    # Ours, so that it may be removed one day.
    write "$release_folder/manifest" 640 %s "$p_manifest" || { because disk "the release cannot be written"; return 1; }
    if [ -n "${p_blob:-}" ] && [ ! -e "$release_folder/source" ]; then
        rm -rf "$release_folder/source.part"
        mkdir -p "$release_folder/source.part" && tar -xf "$p_blob" -C "$release_folder/source.part" &&
            mv "$release_folder/source.part" "$release_folder/source" || { because disk "the release cannot be unpacked"; return 1; }
    fi
    driver_build || { [ -n "$cause" ] || because build "it cannot be built"; return 1; }
    [ -z "${p_blob:-}" ] || find "$release_folder/source" -type f -exec sync {} + 2>/dev/null || sync
    write "$release_folder/complete" 640 '%s\n' "$p_commit"
}
