# Completion of @NAME@ in bash: the program itself prints the possible words.
_@NAME@() {
  local current=${COMP_WORDS[COMP_CWORD]} said pattern patterns
  said=$(@NAME@ --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ $current == = ]]; then current=''; fi # bash takes --rank=5 apart
  if [[ $said != FILES* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(cut -f 1 <<<"$said")" -- "$current")
    return
  fi
  compopt -o filenames 2>/dev/null # readline then puts slashes and quotes
  current=${current#[\'\"]}
  current=${current//\\/}
  [[ $current != '~'* ]] || current=$HOME${current#'~'}
  read -ra patterns <<<"${said#FILES}"
  mapfile -t COMPREPLY < <(
    compgen -d -- "$current"
    for pattern in "${patterns[@]}"; do compgen -f -X "!$pattern" -- "$current"; done | sort -u
  )
}
complete -F _@NAME@ @NAME@
