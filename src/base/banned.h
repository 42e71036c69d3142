/* Functions that do not compile in this project.
 *
 * Included on the compiler's command line (-include) for every source file, after the system headers
 * that declare them, so that merely naming one of these is an error. Each has a bounded stand-in:
 * str.h (strbuf, str_copy), file.h, and posix_spawn/execve with an argument vector instead of a shell.
 */
#ifndef SS_BASE_BANNED_H
#define SS_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef SS_ALLOW_BANNED
/* Fortified libcs make macros of these for some compilers. */
#undef sprintf
#undef vsprintf
#undef strcpy
#undef strcat
#undef strncpy
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets tmpnam tempnam mktemp
#pragma GCC poison system popen strtok asctime ctime gmtime localtime usleep sleep
#pragma GCC poison atoi atol atoll atof
#endif

#endif
