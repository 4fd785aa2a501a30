#include "common/uuid.h"

#include <systemd/sd-id128.h>

#include <sodium.h>

void uuid_make(char ret_text[UUID_LENGTH + 1])
{
    sd_id128_t id;

    randombytes_buf(&id, sizeof(id));
    id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0F) | 0x40); /* version 4 */
    id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3F) | 0x80); /* variant of the RFC */
    sd_id128_to_uuid_string(id, ret_text);
}
