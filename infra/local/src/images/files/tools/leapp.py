# leapp preupgrade | upgrade [--resume] | answer | list-runs (leapp 0.17, leapp-repository 0.21). Which fork it is,
# and from what to what it leads, is in /usr/share/leapp-repository/standin.json.
TOOL = 'leapp'
LOGS = '/var/log/leapp'
FILES = '/etc/leapp/files'
WORK = '/var/lib/leapp'
CACHE = WORK + '/elXuserspace/var/cache/dnf'
PYTHON = '/root/tmp_leapp_py3'
RESUME = '/etc/systemd/system/leapp_resume.service'
KIND = json.loads(read('/usr/share/leapp-repository/standin.json') or '{}')
TARGET = KIND.get('target', 8)
log_name = 'leapp-preupgrade.log'
entries = []
errors = []
phase_now = ''


class Inhibited(Exception):
    pass


def tell(line):
    print(line, flush=True)
    write('%s/%s' % (LOGS, log_name), '%s %s\n' % (time.strftime('%Y-%m-%d %H:%M:%S'), line), 'a')


PERCENT = {'configuration_phase': 1, 'FactsCollection': 5, 'Checks': 15, 'TargetTransactionFactsCollection': 30, 'TargetTransactionCheck': 40, 'Reports': 50,
           'Download': 55, 'InterimPreparation': 65, 'InitRamStart': 70, 'LateTests': 72, 'Preparation': 74, 'RPMUpgrade': 76,
           'Applications': 92, 'ThirdPartyApplications': 94, 'Finalization': 96, 'FirstBoot': 98}


def phase(name):
    global phase_now
    phase_now = name
    # The one is printed, the other logged.
    print('==> Processing phase `%s`' % name, flush=True)
    write('%s/%s' % (LOGS, log_name), '%s.000 INFO     PID: %d leapp.workflow.InplaceUpgrade: Starting phase %s\n' % (time.strftime('%Y-%m-%d %H:%M:%S'), os.getpid(), name), 'a')
    progress(PERCENT[name], name)
    at(TOOL, name)


def progress(percent, info, code=0, message=''):
    # Only the vendor's fork keeps such a file.
    if KIND.get('state'):
        replace(KIND['state'], json.dumps({'Timestamp': int(time.time()), 'ProgressInfo': info, 'Progress': percent,
                                           'ErrorCode': code, 'ErrorMsg': message[-1900:]}) + '\n')


def actor(name, text):
    tell('====> * %s\n        %s' % (name, text))


def entry(name, title, summary, severity='high', inhibitor=False, error=False, remediations=(), resources=(), groups=()):
    number = len(entries) + 1
    flags = ['inhibitor'] if inhibitor else ['error'] if error else []
    entries.append({'id': '%064x' % (number * 0x9e3779b97f4a7c15), 'key': '%040x' % (sum(title.encode()) * 0x9e3779b9), 'actor': name,
                    'hostname': os.uname()[1], 'timeStamp': time.strftime('%Y-%m-%dT%H:%M:%S.000000Z', time.gmtime()), 'title': title,
                    'summary': summary, 'severity': severity, 'audience': 'sysadmin', 'flags': flags, 'tags': list(groups),
                    'detail': {'remediations': [{'type': kind, 'context': context} for kind, context in remediations],
                               'related_resources': [{'scheme': kind, 'title': what} for kind, what in resources]}})


def report(schema):
    shown = []
    for one in entries:
        one = json.loads(json.dumps(one))
        flags, tags = one.pop('flags'), one.pop('tags')
        if schema == '1.2.0':
            one['groups'] = tags + flags
        else:
            one['flags'], one['tags'] = flags, tags
        shown.append(one)
    replace(LOGS + '/leapp-report.json', json.dumps({'leapp_run_id': run_id(), 'entries': shown}, indent=2))
    text = ''
    for one in sorted(entries, key=lambda one: not one['flags']):
        text += 'Risk Factor: %s%s\nTitle: %s\nSummary: %s\n' % (
            one['severity'], ' (%s)' % one['flags'][0] if one['flags'] else '', one['title'], one['summary'])
        for remedy in one['detail']['remediations']:
            context = remedy['context'] if isinstance(remedy['context'], str) else ' '.join(remedy['context'])
            text += 'Remediation: [%s] %s\n' % (remedy['type'], context)
        text += 'Key: %s\n%s\n' % (one['key'], '-' * 40)
    replace(LOGS + '/leapp-report.txt', text)
    inhibitors = [one for one in entries if 'inhibitor' in one['flags']]
    line = '=' * 60
    if inhibitors:
        tell('\n%s\n%s\n%s\n' % (line, 'UPGRADE INHIBITED'.center(60), line))
        tell('Upgrade has been inhibited due to the following problems:')
        for number, one in enumerate(inhibitors, 1):
            tell('%5d. %s' % (number, one['title']))
        tell('Consult the pre-upgrade report for details and possible remediation.')
    if errors:
        tell('\n%s\n%s\n%s\n' % (line, 'ERRORS'.center(60), line))
        for name, message in errors:
            tell('%s [ERROR] Actor: %s\nMessage: %s' % (time.strftime('%Y-%m-%d %H:%M:%S'), name, message))
    tell('\n%s\n%s\n%s\n' % (line, 'REPORT'.center(60), line))
    tell('Reports summary:\n    Errors: %d\n    Inhibitors: %d' % (len(errors), len(inhibitors)))
    for severity in ('high', 'medium', 'low', 'info'):
        tell('    %s severity reports: %d' % (severity.upper(), sum(one['severity'] == severity and not one['flags'] for one in entries)))
    tell('\nBefore continuing consult the full report:\n    A report has been generated at %s/leapp-report.json' % LOGS)
    tell('    A report has been generated at %s/leapp-report.txt\n' % LOGS)
    tell('Answerfile has been generated at %s/answerfile' % LOGS)
    if inhibitors or errors:
        raise Inhibited()


def run_id():
    if not read(WORK + '/run'):
        write(WORK + '/run', read('/proc/sys/kernel/random/uuid').strip())
    return read(WORK + '/run')


def ini(path):
    conf = configparser.ConfigParser()
    conf.read(path)
    return conf


# A section of the answer file replaces that of the user's choices, also where it holds no answer.
def answers():
    sections = {}
    for path in (LOGS + '/answerfile.userchoices', LOGS + '/answerfile'):
        conf = ini(path)
        sections.update((section, dict(conf.items(section, raw=True))) for section in conf.sections())
    return sections


def update(path, sections, allow_missing):
    conf = ini(path)
    ignored = []
    for section, given in sections.items():
        if section not in conf.sections() and allow_missing:
            conf.add_section(section)
        for key, value in given.items():
            if section in conf.sections():
                conf.set(section, key, value)
            else:
                ignored.append('%s.%s=%s' % (section, key, value))
    os.makedirs(LOGS, exist_ok=True)
    with open(path, 'w') as file:
        conf.write(file)
    return ignored


# What a run leaves at its end: the questions that it met, and everything that was answered so far.
def write_answerfile(questions):
    text, given = '', answers()
    for name, (label, reason) in sorted(questions.items()):
        text += '[%s]\n# Title:              None\n# Reason:             %s\n# =================== %s.confirm ==================\n' % (name, reason, name)
        text += '# Label:              %s\n# Type:               bool\n# Default:            None\n# Available choices: True/False\n' % label
        known = given.get(name, {}).get('confirm')
        text += 'confirm = %s\n\n' % known if known else '# Unanswered question. Uncomment the following line with your answer\n# confirm =\n\n'
    replace(LOGS + '/answerfile', text)
    update(LOGS + '/answerfile.userchoices', given, True)


# Knows the answer file only.
def answer(words):
    sections, add = [], False
    while words:
        word = words.pop(0)
        if word == '--section':
            sections.append(words.pop(0))
        elif word.startswith('--section='):
            sections.append(word[10:])
        elif word == '--add':
            add = True
        else:
            print('leapp answer: error: unrecognized arguments: %s' % word, file=sys.stderr)
            return 2
    conf = ini(LOGS + '/answerfile')
    given = {section: dict(conf.items(section, raw=True)) for section in conf.sections()}
    for section in sections:
        found = re.match(r'(\w+)\.(\w+)=(\w+)$', section)
        if not found:
            print('A bad formatted section has been passed. Expected format is dialog.option=mychoice', file=sys.stderr)
            return 1
        name, key, value = found.groups()
        given.setdefault(name, {})[key] = value
    ignored = update(LOGS + '/answerfile', given, add)
    if ignored:
        print('WARNING: Only sections found in original userfile can be updated, ignoring %s' % ','.join(ignored), file=sys.stderr)
    return 0
