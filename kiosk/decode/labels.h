/* Reads the bar codes of parcel labels with zbar: EAN-13 and -8, UPC-A and -E, Code 128, Code 39,
 * Interleaved 2 of 5. Only for staff: it costs time and gives phantom reads (kiosk/decode/agree.h).
 */
#pragma once

#include "kiosk/decode/scanner.h"

struct labels;

int labels_new(struct labels **ret_labels);
/* Accepts NULL; returns NULL. */
struct labels *labels_free(struct labels *labels);
DEFINE_CLEANUP(struct labels *, labels_free);
/* Bars may lie along or across. Returns how many of `ret_texts` were filled, or -errno. */
int labels_read(struct labels *labels, const struct gray *gray,
                struct scanner_text ret_texts[static SCANNER_TEXTS_MAX]);
