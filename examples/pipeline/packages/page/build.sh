# Makes a page of the words of the other package.
set -e
mkdir -p dist
cat src/head.html > dist/index.html
sed 's/.*/<p>&/' ../words/dist/words.txt >> dist/index.html
