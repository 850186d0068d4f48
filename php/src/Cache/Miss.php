<?php

declare(strict_types=1);

namespace Pillion\Bridge\Cache;

/**
 * The default of a read: tells a stored null from no value.
 *
 * @internal
 */
enum Miss
{
    case Value;
}
