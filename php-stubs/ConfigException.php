<?php

/*
 * Pillion\ConfigException. For IDEs and static analysers; not loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Code 100: a setting is missing or invalid. The message names it and the expected value; `php --ri pillion` shows all
 * settings with their sources.
 */
final class ConfigException extends Exception
{
}
