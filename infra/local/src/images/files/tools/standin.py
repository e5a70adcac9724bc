#!/.toolbox/bin/python
# A stand-in: it prints what the tool prints and leaves the files that the tool leaves, and it really changes
# the packages, with dnf. Tests make it fail or wait: /etc/osferry-standin/TOOL-fails-at holds a phase or an
# exit code, TOOL-waits-at a phase (until the file is gone).
import configparser
import json
import os
import re
import subprocess
import sys
import time

DNF = '/.toolbox/bin/dnf'
RPM = '/.toolbox/bin/rpm'
SWITCHES = '/etc/osferry-standin'


class Failed(Exception):
    pass


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ''


def write(path, text, mode='w'):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, mode) as file:
        file.write(text)


def replace(path, text):
    write(path + '.new', text)
    os.rename(path + '.new', path)


def at(tool, phase):
    while read('%s/%s-waits-at' % (SWITCHES, tool)).strip() == phase:
        time.sleep(0.05)
    if read('%s/%s-fails-at' % (SWITCHES, tool)).strip() == phase:
        raise Failed('%s failed in %s, as it was told to' % (tool, phase))


def told_code(tool):
    word = read('%s/%s-fails-at' % (SWITCHES, tool)).strip()
    return int(word) if word.isdigit() else None


def output_of(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout.decode('utf-8', 'replace')


def os_release():
    pairs = re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', read('/etc/os-release'), re.M)
    return dict(pairs)


# Every installed package: name, version-release, architecture, vendor.
def installed():
    text = output_of(RPM, '-qa', '--qf', '%{NAME}\t%{VERSION}-%{RELEASE}\t%{ARCH}\t%{VENDOR}\n')[1]
    return [line.split('\t') for line in text.splitlines()]


# The repositories of a directory, and nothing else, seen from a release.
def dnf_options(repos, releasever):
    return ['--noplugins', '--nogpgcheck', '--allowerasing', '--releasever=%s' % releasever, '--setopt=reposdir=%s' % repos,
            '--setopt=protected_packages=', '--setopt=clean_requirements_on_remove=False', '--disableexcludes=all']


# Runs dnf, its output line by line to `tell`; its exit code, but not of a shell whose transaction failed: that is 0.
def dnf(arguments, tell):
    failed = False
    process = subprocess.Popen([DNF] + arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for line in process.stdout:
        text = line.decode('utf-8', 'replace').rstrip('\n')
        failed = failed or text.startswith(('Error: ', 'Failed:'))
        tell(text)
    return process.wait() or int(failed)


# dnf's shell: these packages away, those in, everything else to the repositories' version.
def transaction(path, removed, added):
    have = set(package[0] for package in installed())
    lines = ['remove %s' % name for name in removed if name in have]
    lines += ['install %s' % name for name in added]
    write(path, '\n'.join(lines + ['distro-sync', 'run', '']))


# The package of these repositories that says which system it is.
def release_package(repos, releasever, cache):
    code, text = output_of(DNF, '-q', *dnf_options(repos, releasever), '--setopt=cachedir=%s' % cache,
                           'repoquery', '--latest-limit=1', '--qf', 'package %{name}', '--whatprovides', 'system-release')
    names = re.findall(r'^package (\S+)$', text, re.M)
    return (names[0] if code == 0 and names else None), text


RELEASES = ['centos-release', 'centos-linux-release', 'centos-linux-repos', 'centos-gpg-keys', 'centos-repos',
            'redhat-release', 'redhat-release-server', 'alinux-release', 'almalinux-release']
