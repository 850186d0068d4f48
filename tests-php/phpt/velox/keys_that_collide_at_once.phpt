--TEST--
Concurrent builds of two configurations with the same key are both stored
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox();

use Pillion\Velox;

$plugin = fn (string $name, int $round) => request(['plugins' => [['module_name' => $name, 'tag' => "v1.0.$round"]]]);
for ($round = 0; $round < 10; ++$round) {
    $requests = [$plugin('github.com/acme/plugin', $round), $plugin('github.com/Acme/Plugin', $round)];
    $futures = array_map(Velox\build(...), $requests);
    foreach ($requests as $i => $request) {
        $artifact = $futures[$i]->wait(30);
        $found = Velox\find($request);
        if ($found?->sha256 !== $artifact->sha256 || !$artifact->verify() || $found->config['plugins'] !== $request['plugins']) {
            echo "round $round, request $i: ", $found ? "another one\n" : "nothing\n";
        }
    }
}
echo "done\n";
?>
--EXPECT--
done
