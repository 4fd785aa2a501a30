/* The colours of the screens. Texts stand on their ground with a contrast of at least 7:1 (WCAG
 * 2.1, 1.4.6); tests/unit/kiosk/test-scene.c checks every text of every screen. */
#pragma once

#define COLOUR_NIGHT  0x0B1F33 /* the ground of everything */
#define COLOUR_WHITE  0xFFFFFF
#define COLOUR_MIST   0xC9D6E3 /* texts of less weight, on NIGHT */
#define COLOUR_BLUE   0x0B4F9E /* something goes on */
#define COLOUR_GREEN  0x0A5C2B /* it is well done */
#define COLOUR_RED    0x8C1C13 /* it cannot be done */
#define COLOUR_YELLOW 0xFFD24A /* do something; the door that is meant */
#define COLOUR_STEEL  0x16324D /* a door of the map */
#define COLOUR_EDGE   0x6F8BA6 /* its border */
