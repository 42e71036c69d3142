#include "cli/prompt.h"

#include "base/str.h"

#include <stdio.h>
#include <termios.h>
#include <unistd.h>

bool prompt_is_terminal(void) {
    return isatty(STDIN_FILENO) == 1;
}

int prompt_secret(const char *label, char *text, struct err *err) {
    struct termios saved;
    bool quiet = tcgetattr(STDIN_FILENO, &saved) == 0;
    if (quiet) {
        struct termios silent = saved;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
        fprintf(stderr, "%s: ", label);
    }
    char *line = fgets(text, PROMPT_MAX, stdin);
    if (quiet) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
        fputc('\n', stderr);
    }
    if (!line)
        return err_set(err, ERR_INVALID, NULL, "%s: nothing was given", label);
    size_t length = strcspn(text, "\r\n");
    if (!text[length] && length == PROMPT_MAX - 1)
        return err_set(err, ERR_INVALID, NULL, "%s: too long", label);
    text[length] = '\0';
    return 0;
}

int prompt_new_password(const char *label, char *text, struct err *err) {
    char again[PROMPT_MAX];
    if (prompt_secret(label, text, err) < 0)
        return -1;
    if (!prompt_is_terminal())
        return 0;
    int result = prompt_secret("Once more", again, err);
    if (result == 0 && !str_eq(text, again))
        result = err_set(err, ERR_INVALID, NULL, "these were two different passwords");
    explicit_bzero(again, sizeof again);
    return result;
}
