# Makes a man page with help2man, from the --help of a program or of one of its verbs and from texts below. HELP2MAN and
# PROGRAM are where these are; PAGE is the file, .../factorise-fit.1; OTHERS are other pages, "lab1, lab2".
get_filename_component(folder "${PAGE}" DIRECTORY)
get_filename_component(title "${PAGE}" NAME_WE)
string(REPLACE "-" ";" verb "${title}")
string(REPLACE "-" " " command "${title}")
list(POP_FRONT verb program)
execute_process(COMMAND "${PROGRAM}" ${verb} --help OUTPUT_VARIABLE help COMMAND_ERROR_IS_FATAL ANY)

# NAME is the first sentence; SYNOPSIS is the usage, with the verb in bold too.
string(REGEX MATCH "^(.*)\nUsage: ${command}([^\n]*)" matched "${help}")
if(NOT matched)
  message(FATAL_ERROR "${command} --help does not begin with a sentence and 'Usage: ${command}', but is:\n${help}")
endif()
string(REPLACE "\n" " " name "${CMAKE_MATCH_1}")
set(arguments "${CMAKE_MATCH_2}")
string(REGEX REPLACE "[.]( .*)?$" "" name "${name}")
string(REGEX REPLACE "[^ ,]+" "\\\\fB\\0\\\\fR(1)" others "${OTHERS}")

# The forms that help2man reads as two names of one option, as sections, and as lines to keep.
string(REPLACE "-h,--help" "-h, --help" help "${help}")
string(REPLACE "\nPositionals:" "\n*Arguments*" help "${help}")
string(REPLACE "\nVerbs:" "\n*Verbs*" help "${help}")
string(FIND "${help}" "\nExamples:" at)
string(SUBSTRING "${help}" ${at} -1 examples)
string(SUBSTRING "${help}" 0 ${at} help)
string(REPLACE "\n  " "\n  $ " examples "${examples}")

set(environment [=[
.TP
\fBNO_COLOR\fR
Where it is set and not empty, nothing is coloured on a terminal.
.TP
\fBTERM\fR
On a terminal that is dumb there is neither colour nor progress.
.TP
\fBFACTORISE_ISA\fR
The instruction set that the fused engine uses, in place of the best that the machine has. The results are the same
bits. An unknown one is answered with those that there are.
]=])
if(program STREQUAL "lab1")
  string(APPEND environment [=[
.TP
\fBFACTORISE_DATA\fR
The folder that ratings.pt and titles.csv are looked for in, in place of data.
.TP
\fBXDG_CACHE_HOME\fR
The folder that holds what was downloaded, in place of ~/.cache.
[FILES]
.TP
\fIdata/ratings.pt\fR, \fIdata/titles.csv\fR
The course's ratings and the movies' titles, taken where they are there.
.TP
\fI~/.cache/factorise/ratings.pt\fR
The ratings, once downloaded.
]=])
endif()
file(WRITE "${folder}/${title}.help" "${help}${examples}")
file(WRITE "${folder}/${title}.more" "[NAME]
${title} \\- ${name}
[SYNOPSIS]
\\fB${command}\\fR${arguments}
[ARGUMENTS]
[VERBS]
[EXIT STATUS]
.TP
0
All is well.
.TP
1
It failed; a sentence on the standard error says why.
.TP
2
The command line is wrong; the sentence says what would be right.
.TP
130, 143
It was stopped, by Ctrl\\-C or by SIGTERM.
[ENVIRONMENT]
${environment}[SEE ALSO]
${others}
")

# It runs `cat` to read the help. The page has no date, so that the same sources make the same page.
execute_process(COMMAND "${HELP2MAN}" --locale=C.UTF-8 --no-info "--include=${title}.more" "--help-option=${title}.help"
                        "--version-string=${title} ${VERSION}" "--source=${program} ${VERSION}" cat
                WORKING_DIRECTORY "${folder}" OUTPUT_VARIABLE page COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "(\n.TH [^ ]+ \"1\" )\"[^\"]*\"" "\\1\"\"" page "${page}")
file(REMOVE "${folder}/${title}.help" "${folder}/${title}.more")
file(WRITE "${PAGE}" "${page}")
