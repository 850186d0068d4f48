<?php

declare(strict_types=1);

namespace Pillion\Bridge\RoadRunner;

/** RoadRunner can't be understood any more, or is gone: the worker has to end. */
final class WireException extends \RuntimeException
{
}
