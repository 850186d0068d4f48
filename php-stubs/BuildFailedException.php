<?php

/*
 * Pillion\BuildFailedException. For IDEs and static analysers; never loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Code 300: the build server has spoken, and this configuration does not build. The message ends with the compiler's last
 * lines. Asking again gives the same, until something in the configuration changes.
 */
final class BuildFailedException extends Exception
{
    /**
     * What the compiler said, as far as the server told it; empty where it told nothing.
     */
    public function logs(): string
    {
        throw new \Error('the extension pillion is not loaded');
    }

    /**
     * The HTTP status of the server's answer; 0 where there was none.
     */
    public function httpStatus(): int
    {
        throw new \Error('the extension pillion is not loaded');
    }
}
