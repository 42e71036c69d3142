/* Runs a fuzz target over every file of the folder given, and over each file cut short at every length (up to
 * CUTS_MAX): parsers meet both whole and torn input. */
#include "fuzz.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/str.h"

#define INPUT_MAX (1024 * 1024)
#define CUTS_MAX 512

static int run_file(const char *path) {
    struct err err = {0};
    _cleanup_free_ char *data = NULL;
    size_t length;
    if (file_read(path, INPUT_MAX, &data, &length, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    for (size_t cut = 0; cut <= length && cut < CUTS_MAX; cut++) {
        /* a copy of exactly this size, so that a read beyond it is seen */
        _cleanup_free_ uint8_t *input = mem_alloc(cut ? cut : 1);
        memcpy(input, data, cut);
        LLVMFuzzerTestOneInput(input, cut);
    }
    LLVMFuzzerTestOneInput((const uint8_t *)data, length);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 2;
    _cleanup_closedir_ DIR *dir = opendir(argv[1]);
    if (!dir) {
        perror(argv[1]);
        return 1;
    }
    unsigned files = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        _cleanup_free_ char *path = str_format("%s/%s", argv[1], entry->d_name);
        if (run_file(path) < 0)
            return 1;
        files++;
    }
    printf("%u inputs\n", files);
    return files ? 0 : 1;
}
