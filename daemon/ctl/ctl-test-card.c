/* pickupctl test-card: a card to print on A4 and hold before the camera; pickupctl camera then says
 * which of its codes are read. */
#include "daemon/ctl/ctl.h"

#include "common/test-card.h"

#include <errno.h>
#include <qrencode.h>
#include <stdio.h>
#include <string.h>

#define QUIET   4    /* modules */
#define MARGIN  15.0 /* mm */
#define GAP     8.0
#define PAGE_MM 210.0

static int gray(double tone)
{
    return (int)(tone * 255 + 0.5);
}

/* One code with its quiet zone, its upper left corner at (x, y) mm. A row of dark modules is one
 * rectangle. */
static bool draw_code(FILE *file, unsigned i, double x, double y)
{
    double module = test_card[i].module_mm;
    char text[TEST_CARD_CHARACTERS + 1];
    QRcode *code;
    double side;

    test_card_text(i, text);
    code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    if (!code)
        return false;
    side = (code->width + 2 * QUIET) * module;
    fprintf(file,
            "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"#%02x%02x%02x\"/>\n",
            x, y, side, side, gray(test_card[i].light), gray(test_card[i].light),
            gray(test_card[i].light));
    fprintf(file, "<path fill=\"#%02x%02x%02x\" d=\"", gray(test_card[i].dark),
            gray(test_card[i].dark), gray(test_card[i].dark));
    for (int row = 0; row < code->width; row++)
        for (int column = 0, run; column < code->width; column += run) {
            bool dark = code->data[row * code->width + column] & 1;

            for (run = 1; column + run < code->width &&
                          (code->data[row * code->width + column + run] & 1) == dark;
                 run++)
                ;
            if (dark)
                fprintf(file, "M%.3f %.3fh%.3fv%.3fh%.3fz", x + (column + QUIET) * module,
                        y + (row + QUIET) * module, run * module, module, -run * module);
        }
    fprintf(file, "\"/>\n<text x=\"%.2f\" y=\"%.2f\" font-size=\"4\">%s</text>\n", x + 2,
            y + side + 4, test_card[i].name);
    QRcode_free(code);
    return true;
}

/* In rows, as many as fit, the largest first. */
static bool draw_card(FILE *file)
{
    double x = MARGIN, y = 2 * MARGIN, row = 0;
    bool good = true;

    fputs("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"210mm\" height=\"297mm\" "
          "viewBox=\"0 0 210 297\" font-family=\"sans-serif\" shape-rendering=\"crispEdges\" "
          "stroke=\"none\">\n<rect width=\"210\" height=\"297\" fill=\"#fff\"/>\n"
          "<text x=\"15\" y=\"18\" font-size=\"6\">pickupd test card. Print at 100 %; the line is "
          "100 mm long.</text>\n<rect x=\"15\" y=\"22\" width=\"100\" height=\"0.5\"/>\n",
          file);
    for (unsigned i = 0; i < TEST_CARD_CODES && good; i++) {
        double side = (37 + 2 * QUIET) * test_card[i].module_mm;

        if (x + side > PAGE_MM - MARGIN) {
            x = MARGIN;
            y += row + GAP;
            row = 0;
        }
        good = draw_code(file, i, x, y);
        x += side + GAP;
        row = side > row ? side : row;
    }
    fputs("</svg>\n", file);
    return good;
}

int ctl_test_card(struct ctl *ctl, int argc, char **argv)
{
    FILE *file = fopen(argv[0], "wxe");
    bool good;

    if (!file) {
        fprintf(stderr, "pickupctl: %s cannot be written: %s. Name another file.\n", argv[0],
                strerror(errno));
        return CTL_REFUSED;
    }
    good = draw_card(file);
    if (fclose(file) != 0 || !good) {
        fprintf(stderr, "pickupctl: %s is not whole: %s.\n", argv[0], strerror(errno));
        return CTL_REFUSED;
    }
    printf("%s: open it in a browser and print it at 100 %%.\n", argv[0]);
    return CTL_DONE;
}
