--TEST--
APCUIterator visits the entries that match, in chunks, while they change
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['apcu' => 'on']);

function keys(iterable $iterator): string
{
    $keys = array_keys(iterator_to_array($iterator));
    sort($keys);

    return implode(' ', $keys);
}

for ($i = 0; $i < 300; ++$i) {
    apcu_store("key:$i", ['number' => $i], $i % 2 ? 60 : 0);
}
apcu_store('object', new ArrayObject([1]));
Pillion\Cache\set('key:0', 'of the other space');

foreach ([null, '', '/^key:/', '/^key:\d$/', ['key:7', 'none', 'object'], []] as $search) {
    $iterator = new APCUIterator($search, APC_ITER_KEY, 7);
    $count = count(iterator_to_array($iterator));
    echo json_encode($search), " $count {$iterator->getTotalCount()} ", $iterator->getTotalSize() > 20 * $count, ' ', $iterator->getTotalHits(), "\n";
}
echo keys(new APCUIterator('/^key:\d$/')), "\n";

// Each part of the format; the value is a copy.
$now = time();
foreach (new APCUIterator('/^key:7$/') as $key => $entry) {
    echo $key, ' ', json_encode(array_intersect_key($entry, array_flip(['type', 'key', 'value', 'num_hits', 'deletion_time', 'ref_count', 'ttl']))),
        ' ', abs($entry['mtime'] - $now) < 60 && $entry['mtime'] === $entry['creation_time'], ' ', count($entry), "\n";
}
echo json_encode(iterator_to_array(new APCUIterator(['key:7'], APC_ITER_VALUE | APC_ITER_TTL))), json_encode(iterator_to_array(new APCUIterator(['key:7'], APC_ITER_NONE))), "\n";
$object = (new APCUIterator('/^object$/', APC_ITER_VALUE))->current()['value'];
echo get_debug_type($object), count($object), "\n";

// Entries that are removed meanwhile are left out, or were read before.
$iterator = new APCUIterator('/^key:1/', APC_ITER_KEY, 10);
$seen = 0;
foreach ($iterator as $key => $entry) {
    ++$seen;
    apcu_delete($key);
    apcu_store("added:$seen", 1);
}
echo $seen, ' ', keys(new APCUIterator('/^key:1/')), "\n";
var_dump(apcu_delete(new APCUIterator('/^key:/')), apcu_delete(new APCUIterator(['object'])));
echo preg_replace('/added:\d+ ?/', '', keys(new APCUIterator())), "none\n";
var_dump(iterator_to_array(new APCUIterator(null, APC_ITER_ALL, 0, APC_LIST_DELETED)));

// Wrong use.
$iterator = new APCUIterator('/^none$/');
thrown(fn () => $iterator->current());
thrown(fn () => $iterator->key());
thrown(fn () => (new ReflectionClass('APCUIterator'))->newInstanceWithoutConstructor()->valid());
thrown(fn () => new APCUIterator(null, APC_ITER_ALL, -1));
thrown(fn () => new APCUIterator(null, APC_ITER_ALL + 1));
thrown(fn () => @new APCUIterator('/('));
thrown(fn () => clone $iterator);
thrown(fn () => (@new APCUIterator(null, APC_ITER_ALL, 0, 3))->rewind());
?>
--EXPECT--
null 301 301 1 0
"" 301 301 1 0
"\/^key:\/" 300 300 1 0
"\/^key:\\d$\/" 10 10 1 0
["key:7","none","object"] 2 2 1 0
[] 0 0  0
key:0 key:1 key:2 key:3 key:4 key:5 key:6 key:7 key:8 key:9
key:7 {"type":"user","key":"key:7","value":{"number":7},"num_hits":0,"deletion_time":0,"ref_count":0,"ttl":60} 1 11
{"key:7":{"value":{"number":7},"ttl":60}}{"key:7":[]}
ArrayObject1
111 
bool(true)
bool(true)
none
array(0) {
}
Error(0): Cannot call current() on invalid iterator
Error(0): Cannot call key() on invalid iterator
Error(0): Trying to use uninitialized APCUIterator
Error(0): APCUIterator chunk size must be 0 or greater
Error(0): APCUIterator format is invalid
Error(0): Could not compile regular expression
Error(0): Trying to clone an uncloneable object of class APCUIterator
Error(0): Trying to use uninitialized APCUIterator
