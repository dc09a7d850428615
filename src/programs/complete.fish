# Completion of @NAME@ in fish: the program itself prints the possible words.
function __@NAME@_complete
    set -l word (commandline -ct)
    set -l words (commandline -opc) "$word"
    set -l said (@NAME@ --complete $words[2..-1] 2>/dev/null)
    set -l option (string match -r -- '^--[^=]*=' "$word")
    if string match -q 'FILES*' -- $said[1]
        set -l patterns (string split ' ' -- $said[1])[2..-1]
        set -l endings (string join '|' -- / (string escape --style=regex -- (string replace '*' '' -- $patterns)))
        set said (__fish_complete_path (string replace -r -- '^--[^=]*=' '' "$word") |
            string match -r "^[^\t]*(?:$endings)(?:\t.*)?\$")
    end
    string join \n -- "$option"$said
end
complete -c @NAME@ -f -a '(__@NAME@_complete)'
