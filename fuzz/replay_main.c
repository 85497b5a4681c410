/* SPDX-License-Identifier: Apache-2.0 */
/* Replays a corpus folder through a fuzz target, so that every plain test run covers it.
 *
 * Place   linked with each fuzz_<name>.c by meson; libFuzzer's own main takes its place in `make
 * fuzz`
 */
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void file_replay(const char *path)
{
    struct buf bytes;
    struct error err = {0};

    buf_init(&bytes, 0);
    if (file_read(path, &bytes, &err) == 0)
        LLVMFuzzerTestOneInput((const uint8_t *)(bytes.data ? bytes.data : ""), bytes.len);
    buf_deinit(&bytes);
}

int main(int argc, char **argv)
{
    DIR *folder = argc > 1 ? opendir(argv[1]) : NULL;
    struct dirent *entry;
    unsigned count = 0;

    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    if (!folder) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER (cannot open it)\n", argv[0]);
        return 1;
    }
    while ((entry = readdir(folder))) {
        SCOPED(mem_drop) char *path = mem_printf("%s/%s", argv[1], entry->d_name);

        if (entry->d_name[0] == '.')
            continue;
        file_replay(path);
        count++;
    }
    closedir(folder);
    printf("%u inputs replayed\n", count);
    return 0;
}
