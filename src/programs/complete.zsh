#compdef @NAME@
# Completion of @NAME@ in zsh: the program itself prints the possible words.
local -a said=("${(@f)$(@NAME@ --complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
compset -P '--*='
case $said[1] in
  FILES) _files -/ ;;
  FILES*) _files -g "${said[1]#FILES }" ;;
  ?*)
    said=("${(@)said/$'\t'/:}")
    _describe -t values value said
    ;;
esac
