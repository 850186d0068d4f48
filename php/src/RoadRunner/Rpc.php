<?php

/*
 * RoadRunner's RPC for applications that call its Sentry plugin: the extension answers the plugin's four calls without
 * a connection; all other calls go through the given RPC.
 */

declare(strict_types=1);

namespace Pillion\Bridge\RoadRunner;

use LogicException;
use Spiral\Goridge\RPC\CodecInterface;
use Spiral\Goridge\RPC\RPCInterface;

final class Rpc implements RPCInterface
{
    private const SERVICE = 'sentry_transport';

    /** @var non-empty-string|null */
    private ?string $service = null;

    private readonly SentryPlugin $plugin;

    /**
     * @param RPCInterface|null $rpc the connection to RoadRunner; null: only the Sentry plugin's calls work
     */
    public function __construct(private ?RPCInterface $rpc = null)
    {
        $this->plugin = new SentryPlugin();
    }

    public function withServicePrefix(string $service): self
    {
        $rpc = clone $this;
        $rpc->service = $service;
        $rpc->rpc = $this->rpc?->withServicePrefix($service);

        return $rpc;
    }

    public function withCodec(CodecInterface $codec): self
    {
        $rpc = clone $this;
        $rpc->rpc = $this->rpc?->withCodec($codec);

        return $rpc;
    }

    public function call(string $method, mixed $payload, mixed $options = null): mixed
    {
        $full = $this->service === null ? $method : $this->service . '.' . ucfirst($method);
        [$service, $name] = explode('.', $full, 2) + [1 => ''];
        if ($service === self::SERVICE && SentryPlugin::isLoaded()) {
            return $this->plugin->call($name, $payload);
        }
        if ($this->rpc === null) {
            throw new LogicException($service === self::SERVICE
                ? "{$full}: the extension pillion is not loaded, and no RPC connection was given to " . self::class
                : "{$full}: no RPC connection was given to " . self::class . ', which answers ' . self::SERVICE . ' only');
        }

        return $this->rpc->call($method, $payload, $options);
    }
}
