<?php

/*
 * Pillion\Exception. For IDEs and static analysers; not loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Base class of Pillion's exceptions about run-time conditions. `getCode()` is stable; a class may have several codes.
 * Wrong arguments throw PHP's own `TypeError` and `ValueError`, as with any internal function.
 */
abstract class Exception extends \RuntimeException
{
}
