/* `streamspace display` alone, for the tests of this room. */
#include "display/display.h"

int main(int argc, char **argv) {
    return display_main(argc, argv);
}
