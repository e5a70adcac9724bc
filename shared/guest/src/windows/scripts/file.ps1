# Part $PART (from 0) of the file $SOURCE, packed: 15,000 bytes of it, as Base64.
if (-not (Test-Path -LiteralPath $SOURCE)) { Say 'missing' $SOURCE; Done; exit 0 }
$packed = New-Object IO.MemoryStream
$gzip = New-Object IO.Compression.GZipStream $packed, ([IO.Compression.CompressionMode]::Compress), $true
$stream = [IO.File]::Open($SOURCE, 'Open', 'Read', 'ReadWrite, Delete')
try {
    $buffer = New-Object byte[] 65536
    while (($count = $stream.Read($buffer, 0, $buffer.Length)) -gt 0) { $gzip.Write($buffer, 0, $count) }
} finally { $stream.Close() }
$gzip.Close()
$bytes = $packed.ToArray()
$from = [Math]::Min([int]$PART * 15000, $bytes.Length)
Say 'encoding' 'gzip'
Say 'size' $bytes.Length
Line 'chunk' ([Convert]::ToBase64String($bytes, $from, [Math]::Min(15000, $bytes.Length - $from)))
Done
