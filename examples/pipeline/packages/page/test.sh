grep -q '<p>pillion' dist/index.html
