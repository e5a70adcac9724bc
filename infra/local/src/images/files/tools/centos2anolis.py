# centos2anolis.py [--rhck]: CentOS 7 to Anolis OS 7, CentOS 8 to Anolis OS 8 (OpenAnolis migration guide). Its
# state is in /var/log/centostoanolis.json.
TOOL = 'centos2anolis'
STATE = '/var/log/centostoanolis.json'
MIRROR = 'http://mirrors.cloud.aliyuncs.com'
last = 0


def state(progress, info, code=0, message=''):
    global last
    last = progress
    replace(STATE, json.dumps({'Timestamp': int(time.time()), 'ProgressInfo': info, 'Progress': progress,
                               'ErrorCode': code, 'ErrorMsg': message[-1900:]}) + '\n')


def step(progress, phase):
    print(phase, flush=True)
    state(progress, phase)
    at(TOOL, phase)


def convert(kernels):
    step(0, 'check')
    if os.geteuid() != 0:
        raise Failed('You must run this script as root')
    if not os.path.exists('/etc/centos-release') and not os.path.exists('/etc/redhat-release'):
        raise Failed('unsupported version')
    major = os_release().get('VERSION_ID', '').split('.')[0]
    if os_release().get('ID') != 'centos' or major not in ('7', '8'):
        raise Failed('unsupported version: %s %s' % (os_release().get('ID'), major))
    if re.search(r'^exclude', read('/etc/yum.conf'), re.M):
        raise Failed('exclude in /etc/yum.conf')
    step(5, 'repositories')
    repos = '/var/cache/centos2anolis/repos'
    path = '/anolis/7.9/os/$basearch/os/' if major == '7' else '/anolis/8/BaseOS/$basearch/os/'
    write(repos + '/anolis.repo', '[anolis-migration-os]\nname=Anolis OS\nbaseurl=%s%s\nenabled=1\ngpgcheck=0\n' % (MIRROR, path))
    wanted = '/var/cache/centos2anolis/transaction'
    transaction(wanted, RELEASES, ['anolis-release'])
    options = dnf_options(repos, major) + ['--setopt=keepcache=1', '--setopt=cachedir=/var/cache/centos2anolis/dnf'] + kernels
    lines = []

    def tell(line):
        lines.append(line)
        print(line, flush=True)
        count = re.search(r' (\d+)/(\d+) *$', line)
        if count and last >= 40:
            state(40 + 50 * int(count.group(1)) // max(int(count.group(2)), 1), 'distro-sync')

    step(10, 'download')
    if dnf(['-y', '--downloadonly'] + options + ['shell', wanted], tell) != 0:
        raise Failed('\n'.join(lines[-15:]))
    step(40, 'distro-sync')
    if dnf(['-y', '-C'] + options + ['shell', wanted], tell) != 0:
        raise Failed('\n'.join(lines[-15:]))
    step(95, 'check packages')
    if output_of(RPM, '-q', 'anolis-release')[0] != 0:
        raise Failed('anolis-release is not installed')
    subprocess.run(['rm', '-rf', '/var/cache/centos2anolis'])
    state(100, 'Success')
    print('Switch complete. Anolis OS recommends rebooting this system.')


def main():
    kernels = ['--exclude=kernel-3.10*', '--exclude=kernel-4.18*']
    for word in sys.argv[1:]:
        if word != '--rhck':
            print('centos2anolis.py: error: unrecognized arguments: %s' % word, file=sys.stderr)
            return 2
        kernels = ['--exclude=kernel-4.19*', '--exclude=kernel-5.10*']
    code = told_code(TOOL)
    if code is not None:
        return code
    try:
        convert(kernels)
    except Failed as error:
        state(last, 'Failed', 103, str(error))
        print(error, file=sys.stderr)
        return 1
    return 0


sys.exit(main())
