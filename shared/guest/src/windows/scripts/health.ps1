# Services and probes, told until all is well or $SECONDS_LEFT are over.
function HttpAnswers($url) {
    # TLS 1.2 by its number: the older .NET has no name for it.
    Attempt { [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor 3072 }
    $request = [Net.WebRequest]::Create($url)
    $request.Timeout = 10000
    $request.Proxy = $null
    $response = $request.GetResponse()
    $status = [int]$response.StatusCode
    $response.Close()
    if ($status -lt 200 -or $status -ge 400) { throw "status $status" }
}
function TcpAnswers($address, $port) {
    $client = New-Object Net.Sockets.TcpClient
    try {
        $call = $client.BeginConnect($address, [int]$port, $null, $null)
        if (-not $call.AsyncWaitHandle.WaitOne(10000, $false)) { throw 'no answer within 10 s' }
        $client.EndConnect($call)
    } finally { $client.Close() }
}
function CommandSucceeds($line) {
    $start = New-Object Diagnostics.ProcessStartInfo 'cmd.exe', ('/d /s /c "' + $line + ' 2>&1"')
    $start.UseShellExecute = $false
    $start.RedirectStandardOutput = $true
    $process = [Diagnostics.Process]::Start($start)
    # Reading would wait for its end, however long that takes.
    $until = (Get-Date).AddSeconds(30)
    $buffer = New-Object byte[] 4096
    $said = ''
    while ($true) {
        $reading = $process.StandardOutput.BaseStream.BeginRead($buffer, 0, $buffer.Length, $null, $null)
        $left = [int][Math]::Max(0, ($until - (Get-Date)).TotalMilliseconds)
        if (-not $reading.AsyncWaitHandle.WaitOne($left, $false)) {
            [void](& cmd.exe /c "taskkill.exe /f /t /pid $($process.Id) 2>nul")
            throw 'no end within 30 s'
        }
        $count = $process.StandardOutput.BaseStream.EndRead($reading)
        if ($count -eq 0) { break }
        if ($said.Length -lt 4096) { $said += $process.StandardOutput.CurrentEncoding.GetString($buffer, 0, $count) }
    }
    $process.WaitForExit()
    if ($process.ExitCode -ne 0) { throw ('exit code {0} {1}' -f $process.ExitCode, ($said -split '\r?\n')[0]) }
}
function FailedProbes {
    for ($i = 0; $i -lt [int]$PROBES; $i++) {
        $kind = Get-Variable "PROBE_KIND_$i" -ValueOnly
        $what = Get-Variable "PROBE_WHAT_$i" -ValueOnly
        try {
            if ($kind -eq 'http') { HttpAnswers $what }
            elseif ($kind -eq 'tcp') { TcpAnswers $what (Get-Variable "PROBE_PORT_$i" -ValueOnly) }
            else { CommandSucceeds $what }
        } catch {
            $why = $_.Exception
            while ($why.InnerException) { $why = $why.InnerException }
            $text = '{0}: {1}' -f (Get-Variable "PROBE_NAME_$i" -ValueOnly), $why.Message
            $text.Substring(0, [Math]::Min(300, $text.Length))
        }
    }
}
# Ran before, is still there and still meant to run whenever the system does.
function LostServices {
    $now = @(Services)
    foreach ($name in @(ReadLines "$DIR\before\Services")) {
        if ($now -contains $name) { continue }
        $service = Get-WmiObject Win32_Service -Filter ("Name='{0}'" -f ($name -replace "'", "\'"))
        if ($service -and $service.State -ne 'Running' -and $service.StartMode -eq 'Auto' -and -not (StartsLater $name)) { $name }
    }
}
