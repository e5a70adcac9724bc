# The ends of the logs that say what happened, about 20 KB in all. Later ones get what earlier ones left.
$left = 18000
$logs = "$DIR\state.json", "$ROLLBACK\setuperr.log", "$ROLLBACK\setupact.log", "$env:windir\Logs\SetupDiag\SetupDiagResults.xml",
    "$PANTHER\setuperr.log", "$PANTHER\setupact.log", "$env:windir\Panther\setuperr.log", "$env:windir\Panther\setupact.log",
    "$env:windir\Logs\MoSetup\BlueBox.log", "$ROLLBACK\setupapi\setupapi.dev.log"
foreach ($log in $logs) {
    $lines = @(Attempt { Tail $log 4096 } | Select-Object -Last 40)
    if (-not $lines.Count -or $left -lt 500) { continue }
    Say 'exhibit' $log
    foreach ($line in $lines) {
        $text = Ascii $line 300
        $left -= $text.Length + 10
        if ($left -lt 0) { break }
        Line 'line' $text
    }
}
Done
