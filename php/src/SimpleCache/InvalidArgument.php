<?php

declare(strict_types=1);

namespace Pillion\Bridge\SimpleCache;

use Psr\SimpleCache\InvalidArgumentException;

final class InvalidArgument extends \InvalidArgumentException implements InvalidArgumentException {}
