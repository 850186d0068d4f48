<?php

declare(strict_types=1);

namespace Pillion\Bridge\RoadRunner;

/** RoadRunner's frames are invalid, or RoadRunner is gone: the worker has to end. */
final class WireException extends \RuntimeException
{
}
