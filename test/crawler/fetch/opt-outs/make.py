"""Makes the pictures beside this file, with the tools that authors use.

    python3 -m venv v && v/bin/pip install c2pa-python pillow cryptography && apt-get install libimage-exiftool-perl
    v/bin/python make.py

ExifTool writes the XMP, Pillow the pictures, the C2PA SDK the manifests. The keys are made and thrown away here.
"""
import datetime, io, json, pathlib, subprocess, sys, tempfile
import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

here = pathlib.Path(__file__).parent
size = (40, 40)
formats = {'jpg': 'JPEG', 'png': 'PNG', 'webp': 'WEBP', 'gif': 'GIF', 'avif': 'AVIF'}


def picture(name, ext):
    path = here / f'{name}.{ext}'
    image = Image.new('RGB', size)
    image.putdata([(x * 6, y * 6, (x ^ y) * 4) for y in range(size[1]) for x in range(size[0])])
    image.save(path, formats[ext], quality=50)
    return path


# ExifTool knows the property since 12.67; this tells older ones, such as Debian 12's.
config = pathlib.Path(tempfile.mkdtemp()) / 'config'
config.write_text('%Image::ExifTool::UserDefined = ("Image::ExifTool::PLUS::XMP" => { DataMining => {} }); 1;')
vocabulary = 'http://ns.useplus.org/ldf/vocab/DMI-'


def exiftool(path, *arguments):
    subprocess.run(['exiftool', '-config', str(config), '-q', '-overwrite_original', *arguments, str(path)], check=True)


for ext in formats:
    exiftool(picture('plus', ext), f'-XMP-plus:DataMining={vocabulary}PROHIBITED-AIMLTRAINING')
exiftool(picture('plus-compressed', 'png'), '-z', f'-XMP-plus:DataMining={vocabulary}PROHIBITED-GENAIMLTRAINING')
exiftool(picture('plus-allowed', 'jpg'), f'-XMP-plus:DataMining={vocabulary}ALLOWED')
exiftool(picture('plus-constraint', 'jpg'), f'-XMP-plus:DataMining={vocabulary}PROHIBITED-SEECONSTRAINT', '-XMP-plus:OtherConstraints=Ask first')
# A packet beyond one segment's 64 KB: the rest follows as extended XMP in several APP1 segments.
exiftool(picture('plus-extended', 'jpg'), '-XMP-plus:OtherConstraints=' + 'a long story ' * 5_600, f'-XMP-plus:DataMining={vocabulary}PROHIBITED')


def key_and_certificate(name, issuer=None):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'lait tests')])
    now = datetime.datetime(2026, 1, 1)
    authority = issuer is None
    signer, issuer_name = (key, subject) if authority else (issuer[0], issuer[1].subject)
    usage = dict.fromkeys(['digital_signature', 'content_commitment', 'key_encipherment', 'data_encipherment', 'key_agreement',
                           'key_cert_sign', 'crl_sign', 'encipher_only', 'decipher_only'], False)
    usage['key_cert_sign' if authority else 'digital_signature'] = True
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer_name).public_key(key.public_key())
               .serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=36500))
               .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
               .add_extension(x509.KeyUsage(**usage), critical=True)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False))
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return key, builder.sign(signer, hashes.SHA256())


root = key_and_certificate('root')
leaf = key_and_certificate('leaf', root)
pem = serialization.Encoding.PEM
chain = (leaf[1].public_bytes(pem) + root[1].public_bytes(pem)).decode()
secret = leaf[0].private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", chain.encode(), secret.encode(), None))
settings = {'builder': {'thumbnail': {'enabled': False}}, 'verify': {'verify_after_sign': False}}
context = c2pa.Context(c2pa.Settings.from_dict(settings))
compressing = c2pa.Context(c2pa.Settings.from_dict({**settings, 'core': {'prefer_compress_manifests': True}}))


def manifest(name, ext, assertions, context=context):
    path = picture(name, ext)
    source = path.read_bytes()
    builder = c2pa.Builder({'claim_generator_info': [{'name': 'lait tests', 'version': '1'}], 'title': name,
                            'assertions': [{'label': 'c2pa.actions', 'data': {'actions': [{'action': 'c2pa.created', 'digitalSourceType': 'http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture'}]}}, *assertions]}, context)
    out = io.BytesIO()
    builder.sign(signer, {'jpg': 'image/jpeg'}.get(ext, f'image/{ext}'), io.BytesIO(source), out)
    path.write_bytes(out.getvalue())


def entries(prefix, uses, kind=None):
    data = {'entries': {f'{prefix}.{name}': {'use': use} for name, use in uses.items()}}
    return {'label': f'{prefix}.training-mining', 'data': data, **({'kind': kind} if kind else {})}


refused = entries('cawg', {'ai_training': 'notAllowed', 'data_mining': 'allowed'})
for ext in formats:
    manifest('cawg', ext, [refused])
manifest('c2pa-json', 'jpg', [entries('c2pa', {'ai_generative_training': 'notAllowed'}, 'Json')])
manifest('cawg-constrained', 'png', [entries('cawg', {'data_mining': 'constrained'})])
manifest('cawg-allowed', 'jpg', [entries('cawg', {'ai_training': 'allowed', 'ai_generative_training': 'allowed', 'data_mining': 'allowed', 'ai_inference': 'allowed'})])
# The second instance of an assertion is labelled __1.
manifest('cawg-twice', 'jpg', [entries('cawg', {'ai_training': 'allowed'}), entries('cawg', {'ai_training': 'notAllowed'})])
# A manifest beyond one segment's 64 KB lies in several APP11 segments.
manifest('cawg-long', 'jpg', [{'label': 'org.example.long', 'data': {'text': 'a long story ' * 6_000}}, refused])
manifest('cawg-compressed', 'jpg', [refused], compressing)
manifest('nothing', 'jpg', [])

for path in sorted(here.glob('*.*')):
    if path.suffix != '.py':
        print(path.name, path.stat().st_size, file=sys.stderr)
