# Part $PART (from 0) of the file $FILE, packed where there is gzip: 15,000 bytes of it, as Base64.
if [ -f "$R$FILE" ]; then
    encoding=plain
    ! have gzip || encoding=gzip
    packed() { if [ $encoding = gzip ]; then gzip -c <"$R$FILE"; else cat "$R$FILE"; fi; }
    say encoding $encoding
    say size "$(packed | wc -c | tr -d ' ')"
    printf 'osf\tchunk\t%s\n' "$(packed | tail -c +$((PART * 15000 + 1)) | head -c 15000 | base64 | tr -d '\n')"
else
    say missing "$FILE"
fi
say done yes
