@echo off
rem deploy-connector.sh for Windows: deploy-connector.bat [FILE]; CONNECT_URL as there.
setlocal
set FILE=%~1
if "%FILE%"=="" set FILE=%~dp0postgres-sink.json
if "%CONNECT_URL%"=="" set CONNECT_URL=http://localhost:8083
curl -fsS --retry 60 --retry-delay 1 --retry-all-errors -o nul "%CONNECT_URL%/" || exit /b 1
powershell -NoProfile -Command "$ErrorActionPreference='Stop'; $c=Get-Content -Raw -Encoding UTF8 '%FILE%' | ConvertFrom-Json; $at='%CONNECT_URL%/connectors/'+$c.name; $null=Invoke-RestMethod -Method Put -ContentType 'application/json' -Body ($c.config | ConvertTo-Json) ($at+'/config'); Start-Sleep 5; Invoke-RestMethod ($at+'/status') | ConvertTo-Json -Depth 5" || exit /b 1
