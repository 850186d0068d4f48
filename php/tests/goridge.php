<?php

/*
 * The part of spiral/goridge 4 that the bridge uses: classes with its names and signatures, written for the tests.
 */

declare(strict_types=1);

namespace Spiral\Goridge\RPC {
    interface CodecInterface {}

    interface RPCInterface
    {
        public function withServicePrefix(string $service): self;

        public function withCodec(CodecInterface $codec): self;

        public function call(string $method, mixed $payload, mixed $options = null): mixed;
    }
}

namespace Spiral\Goridge\RPC\Exception {
    class ServiceException extends \RuntimeException {}
}
